package tern.cli;

import java.io.PrintWriter;

import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** How every measurement is shown: a JSON line a case, or text for people. */
final class BenchOptions {
    @Spec(Spec.Target.MIXEE)
    private CommandSpec spec;

    @Option(names = "--json", description = "Print one JSON line a case instead of a table.")
    private boolean json;

    /** A heading, or the whole table at the end; nothing where cases are told as JSON. */
    void table(String text) {
        if (!json) {
            tell(out(), text);
        }
    }

    /** A case: its JSON, or this line of the table. */
    void row(Record measured, String text) {
        tell(out(), json ? Json.line(measured) : text);
    }

    /** A case whose table comes at the end: its JSON, or this line as progress. */
    void progress(Record measured, String text) {
        if (json) {
            tell(out(), Json.line(measured));
        } else {
            note(text);
        }
    }

    /** A line that is no result. */
    void note(String text) {
        tell(spec.commandLine().getErr(), text);
    }

    private PrintWriter out() {
        return spec.commandLine().getOut();
    }

    private static void tell(PrintWriter to, String text) {
        to.println(text.stripTrailing());
        to.flush();
    }
}
