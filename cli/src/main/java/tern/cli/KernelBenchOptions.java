package tern.cli;

import java.util.List;

import picocli.CommandLine.Option;

import tern.kernels.KernelSet;

/** What every measurement of kernels takes: how long, and with how many threads. */
final class KernelBenchOptions {
    @Option(names = "--threads", split = ",", defaultValue = "1,0", description = "Numbers of threads; 0 for all cores (${DEFAULT-VALUE}).")
    private List<Integer> threads;

    @Option(names = "--seconds", defaultValue = "0.5", description = "Seconds for each case (${DEFAULT-VALUE}).")
    private double seconds;

    /** Numbers of threads as asked for. */
    List<Integer> threads() {
        return threads.stream().map(ThreadOptions::count).distinct().toList();
    }

    /** Seconds as asked for. */
    double seconds() {
        if (!(seconds > 0)) {
            throw new UserError("--seconds is " + seconds + ", expected a number above 0");
        }
        return seconds;
    }

    /** Constants whose name contains what was asked for. */
    static <E extends Enum<E>> List<E> chosen(Class<E> kind, String only) {
        List<E> all = List.of(kind.getEnumConstants());
        List<E> chosen = all.stream().filter(one -> one.toString().contains(only)).toList();
        if (chosen.isEmpty()) {
            throw new UserError("no name contains \"" + only + "\"; there are "
                    + String.join(", ", all.stream().map(Object::toString).toList()));
        }
        return chosen;
    }

    /** Makes sure that there are vector bodies to compare with the plain ones. */
    static void requireVector() {
        KernelSet.whyNotVector().ifPresent(why -> {
            throw new UserError("there is nothing to compare, only the plain kernels can run: " + why);
        });
    }
}
