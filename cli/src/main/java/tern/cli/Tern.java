package tern.cli;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.module.ModuleDescriptor;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

import tern.mixers.NearestName;

/**
 * The command {@code tern}. Results go to standard output, everything else to standard error; whatever the user can mend
 * ends with one line and exit status 2. Confined to one thread.
 *
 * <p>A subcommand is one class, named in the list below. It reaches the streams through a {@code @ParentCommand} field of
 * this type, throws {@link UserError} or lets the rooms' exceptions pass, and returns its exit status.
 */
@Command(name = "tern", description = "Sequence models in plain Java: train, distil, generate, serve, measure.", mixinStandardHelpOptions = true, versionProvider = Tern.Version.class, sortOptions = false, synopsisSubcommandLabel = "COMMAND", subcommands = {
    QuickstartCommand.class, TrainCommand.class, DistilCommand.class, ConvertCommand.class, GenerateCommand.class,
    ServeCommand.class, EvalCommand.class, CompareCommand.class, TasksCommand.class,
    LogitsCommand.class, PredictCommand.class, TokenizeCommand.class,
    InspectCommand.class, BenchCommand.class, SoakCommand.class, DoctorCommand.class, HelpCommand.class})
public final class Tern implements Runnable {
    private final PrintStream out;
    private final PrintStream err;

    @Spec
    private CommandSpec spec;

    @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Print a stack trace with an error.")
    private boolean debug;

    Tern(PrintStream out, PrintStream err) {
        this.out = out;
        this.err = err;
        this.debug = "1".equals(System.getenv("TERN_DEBUG"));
    }

    /** Runs one command and ends the JVM with its exit status. */
    public static void main(String[] args) {
        // Figures look the same everywhere and can be read by programs.
        Locale.setDefault(Locale.ROOT);
        StandardStreams.adopt();
        System.exit(run(System.out, System.err, args));
    }

    /** Runs one command and returns its exit status. */
    static int run(PrintStream out, PrintStream err, String... args) {
        return execute(new Tern(out, err).commandLine(), args);
    }

    /** Carries out a command line under the rules for failures. */
    static int execute(CommandLine commandLine, String... args) {
        Tern tern = commandLine.getCommand();
        int status;
        try {
            status = commandLine.execute(args);
        } catch (OutOfMemoryError | StackOverflowError | AssertionError e) {
            status = tern.report(e);
        }
        tern.out.flush();
        // PrintStream keeps errors to itself; a reader that went away (tern … | head) is no fault, a full disk is.
        if (tern.out.checkError() && status == Outcome.OK) {
            return tern
                    .report(new UserError("standard output could not be written to the end: the reader went away or the"
                            + " disk is full"));
        }
        return status;
    }

    CommandLine commandLine() {
        return new CommandLine(this)
                .setOut(new PrintWriter(out, true, StandardCharsets.UTF_8))
                .setErr(new PrintWriter(err, true, StandardCharsets.UTF_8))
                .setCaseInsensitiveEnumValuesAllowed(true)
                // An @FILE is a prompt's, for its command to read; picocli would take what is in it for options.
                .setExpandAtFiles(false)
                .setExecutionExceptionHandler((failure, _, _) -> report(failure))
                .setParameterExceptionHandler((failure, _) -> report(new UserError(explain(failure))));
    }

    /** Where results go. */
    PrintStream out() {
        return out;
    }

    /** Where progress and errors go. */
    PrintStream err() {
        return err;
    }

    /** True if standard error is a terminal: progress may then rewrite its line. The launcher says so. */
    boolean isTerminal() {
        return Boolean.getBoolean("tern.terminal");
    }

    @Override
    public void run() {
        spec.commandLine().usage(out);
    }

    private int report(Throwable failure) {
        Outcome outcome = Outcome.of(failure);
        err.println("tern: " + outcome.line());
        if (debug) failure.printStackTrace(err);
        err.flush();
        return outcome.status();
    }

    /** A mistake on the command line in one line, with the nearest name where there is one. */
    private static String explain(ParameterException failure) {
        CommandLine commandLine = failure.getCommandLine();
        String help = " (see " + commandLine.getCommandSpec().qualifiedName() + " --help)";
        if (failure instanceof UnmatchedArgumentException unmatched && !unmatched.getUnmatched().isEmpty()) {
            String word = unmatched.getUnmatched().getFirst();
            boolean option = word.startsWith("-");
            List<String> known = option
                    ? List.copyOf(commandLine.getCommandSpec().optionsMap().keySet())
                    : List.copyOf(commandLine.getSubcommands().keySet());
            String kind = option ? "option" : known.isEmpty() ? "argument" : "command";
            return "unknown " + kind + " '" + word + "'" + NearestName.of(word, known)
                    .map(name -> "; did you mean '" + name + "'?").orElse("") + help;
        }
        return lowerFirst(String.valueOf(failure.getMessage())).replaceFirst(" is not an? (int|long)$",
                " is not a whole number, or too large a one")
                .replaceFirst(" is not a double$", " is not a number") + swallowed(failure) + help;
    }

    /** An option that takes several words may have taken what was meant to be the command's own argument. */
    private static String swallowed(ParameterException failure) {
        if (!(failure instanceof MissingParameterException missing)
                || missing.getMissing().stream().noneMatch(ArgSpec::isPositional)) {
            return "";
        }
        return missing.getCommandLine().getCommandSpec().options().stream()
                .filter(option -> option.arity().max() > 1 && option.stringValues().size() > 1).findFirst()
                .map(option -> "; " + option.longestName() + " takes every word that follows it, so give "
                        + missing.getMissing().getFirst().paramLabel() + " before it")
                .orElse("");
    }

    private static String lowerFirst(String text) {
        return text.isEmpty() ? text : Character.toLowerCase(text.charAt(0)) + text.substring(1);
    }

    /** Tern's version and the JVM that runs it. */
    static final class Version implements IVersionProvider {
        @Override
        public String[] getVersion() {
            return new String[] {"tern " + number() + " on JDK " + Runtime.version()};
        }

        static String number() {
            ModuleDescriptor descriptor = Tern.class.getModule().getDescriptor();
            return descriptor == null ? "(unpacked)" : descriptor.rawVersion().orElse("(unpacked)");
        }
    }
}
