package tern.cli;

import java.util.ArrayList;
import java.util.List;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import picocli.CommandLine.Spec;

import tern.mixers.NearestName;

/** Prints what {@code --help} prints. */
@Command(name = "help", description = "List the commands, or explain one.", mixinStandardHelpOptions = true)
final class HelpCommand implements Runnable {
    @ParentCommand
    private Tern tern;

    @Spec
    private CommandSpec spec;

    @Parameters(arity = "0..*", paramLabel = "COMMAND", description = "What to explain, such as train or bench kernels.")
    private List<String> names = new ArrayList<>();

    @Override
    public void run() {
        CommandLine explained = spec.parent().commandLine();
        for (String name : names) {
            CommandLine next = explained.getSubcommands().get(name);
            if (next == null) {
                throw new UserError("unknown command '" + name + "'"
                        + NearestName.of(name, List.copyOf(explained.getSubcommands().keySet()))
                                .map(near -> "; did you mean '" + near + "'?").orElse("")
                        + " (see " + explained.getCommandSpec().qualifiedName() + " --help)");
            }
            explained = next;
        }
        explained.usage(tern.out());
    }
}
