package tern.cli;

import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.cli.load.Soak;
import tern.model.Presets;

/** {@code tern soak}: whether a server stands what clients do. */
@Command(name = "soak", description = "Torment a server in another process with clients that leave, malformed requests, huge prompts, slow readers and a kill in the middle; exit status 1 if sessions were lost, memory grew by more than a twentieth or anything else went wrong.", mixinStandardHelpOptions = true, sortOptions = false)
final class SoakCommand implements Callable<Integer> {
    private static final double ALLOWED_GROWTH = 0.05;

    @ParentCommand
    private Tern tern;

    @Option(names = "--minutes", defaultValue = "10", description = "How long, about (${DEFAULT-VALUE}).")
    private double minutes;

    @Option(names = "--clients", defaultValue = "16", description = "Clients at once (${DEFAULT-VALUE}).")
    private int clients;

    @Option(names = "--preset", defaultValue = "rwkv7-nano", description = "The model's architecture; its weights are random (${DEFAULT-VALUE}).")
    private String preset;

    @Option(names = "--huge", defaultValue = "16384", description = "Tokens of a huge prompt (${DEFAULT-VALUE}).")
    private int huge;

    @Option(names = "--seed", defaultValue = "1", description = "Of what clients do (${DEFAULT-VALUE}).")
    private long seed;

    @Option(names = "--json", description = "Print the report as JSON.")
    private boolean json;

    @Override
    public Integer call() throws Exception {
        if (minutes <= 0 || clients < 1 || huge < 1) {
            throw new UserError("--minutes must be above 0, --clients and --huge 1 or more; found " + minutes + ", "
                    + clients + " and " + huge);
        }
        Presets.named(preset);
        Soak.Report report = new Soak(new Soak.Setting(60 * minutes, clients, preset, huge, seed))
                .run(line -> tern.err().println("tern: " + line));
        if (json) {
            tern.out().println(Json.line(report));
        } else {
            tern.out().printf(
                    "%,d requests in %.0f s: %,d left, %,d malformed, %,d slow, %,d huge%n%,d sessions acknowledged before the kill, %d lost%nheap %,d to %,d KB, native %,d to %,d KB: %+.1f %%%n",
                    report.requests(), report.seconds(), report.left(), report.malformed(), report.slow(),
                    report.huge(), report.sessions(), report.lost(), report.heapBefore() >> 10,
                    report.heapAfter() >> 10, report.nativeBefore() >> 10, report.nativeAfter() >> 10,
                    100 * report.growth());
            report.faults().forEach(fault -> tern.out().println("fault: " + fault));
        }
        boolean well = report.lost() == 0 && report.faults().isEmpty() && report.growth() <= ALLOWED_GROWTH;
        return well ? Outcome.OK : 1;
    }
}
