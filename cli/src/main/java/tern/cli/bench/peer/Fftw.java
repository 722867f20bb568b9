package tern.cli.bench.peer;

import java.lang.foreign.AddressLayout;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.stream.Stream;

import tern.kernels.ThreadTeam;
import tern.tensor.DType;
import tern.tensor.Memory;

/**
 * Long convolutions by FFTW in single precision: real transforms of all channels with one plan, each channel's numbers side
 * by side as FFTW likes them best, and a product of the spectra in between. Plans are measured. Where the part of the library
 * for several threads lies beside it ({@code libfftw3f_threads} or {@code libfftw3f_omp}), it is used.
 */
public final class Fftw implements Peer {
    private static final int MEASURED_PLAN = 0;
    private static final ValueLayout.OfInt NUMBER = ValueLayout.JAVA_INT;
    private static final AddressLayout POINTER = ValueLayout.ADDRESS;
    private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

    private final MethodHandle planForth;
    private final MethodHandle planBack;
    private final MethodHandle execute;
    private final Optional<MethodHandle> planThreads;

    /**
     * Loads the library.
     *
     * @throws IllegalArgumentException if it cannot be loaded or lacks a function
     */
    public Fftw(Path path) {
        NativeLibrary library = NativeLibrary.load("FFTW", path);
        FunctionDescriptor plan = FunctionDescriptor.of(POINTER, NUMBER, POINTER, NUMBER, POINTER, POINTER, NUMBER,
                NUMBER, POINTER, POINTER, NUMBER, NUMBER, NUMBER);
        planForth = library.function("fftwf_plan_many_dft_r2c", plan);
        planBack = library.function("fftwf_plan_many_dft_c2r", plan);
        execute = library.function("fftwf_execute", FunctionDescriptor.ofVoid(POINTER));
        planThreads = threads(library);
    }

    private static Optional<MethodHandle> threads(NativeLibrary library) {
        Path path = library.path().toAbsolutePath();
        Stream<NativeLibrary> beside = Stream.of("libfftw3f_threads", "libfftw3f_omp")
                .map(name -> path.resolveSibling(path.getFileName().toString().replace("libfftw3f", name)))
                .filter(Files::isRegularFile).map(found -> NativeLibrary.load("FFTW", found));
        Optional<NativeLibrary> parallel = Stream.concat(Stream.of(library), beside)
                .filter(one -> one.symbols().find("fftwf_plan_with_nthreads").isPresent()).findFirst();
        parallel.ifPresent(found -> {
            try {
                int ready = (int) found.function("fftwf_init_threads", FunctionDescriptor.of(NUMBER)).invokeExact();
                if (ready == 0) {
                    throw new IllegalArgumentException(found.path() + " could not start its threads");
                }
            } catch (IllegalArgumentException refused) {
                throw refused;
            } catch (Throwable thrown) {
                throw NativeLibrary.thrown(thrown);
            }
        });
        return parallel.map(found -> found.function("fftwf_plan_with_nthreads", FunctionDescriptor.ofVoid(NUMBER)));
    }

    @Override
    public String name() {
        return planThreads.isPresent() ? "FFTW" : "FFTW on one thread";
    }

    @Override
    public Optional<Runnable> prepare(Twin twin, ThreadTeam team, Memory memory) {
        if (!(twin instanceof Twin.LongConvolution(int time, int channels))) {
            return Optional.empty();
        }
        int points = 2 * time, bins = time + 1;
        MemorySegment x = memory.zeros(DType.F32, channels, points).data();
        MemorySegment taps = memory.zeros(DType.F32, channels, points).data();
        MemorySegment y = memory.zeros(DType.F32, channels, points).data();
        MemorySegment xBins = memory.zeros(DType.F32, channels, 2 * bins).data();
        MemorySegment tapBins = memory.zeros(DType.F32, channels, 2 * bins).data();
        MemorySegment forthX, forthTaps, back;
        try (Arena arena = Arena.ofConfined()) {
            if (planThreads.isPresent()) {
                planThreads.get().invokeExact(team.threads());
            }
            MemorySegment length = arena.allocateFrom(NUMBER, points), same = MemorySegment.NULL;
            forthX = (MemorySegment) planForth.invokeExact(1, length, channels, x, same, 1, points, xBins, same, 1,
                    bins, MEASURED_PLAN);
            forthTaps = (MemorySegment) planForth.invokeExact(1, length, channels, taps, same, 1, points, tapBins,
                    same, 1, bins, MEASURED_PLAN);
            back = (MemorySegment) planBack.invokeExact(1, length, channels, xBins, same, 1, bins, y, same, 1, points,
                    MEASURED_PLAN);
        } catch (Throwable thrown) {
            throw NativeLibrary.thrown(thrown);
        }
        // Measuring a plan overwrites what it is given.
        fill(x, time, channels);
        fill(taps, time, channels);
        return Optional.of(() -> {
            try {
                execute.invokeExact(forthX);
                execute.invokeExact(forthTaps);
                execute.invokeExact(back);
            } catch (Throwable thrown) {
                throw NativeLibrary.thrown(thrown);
            }
        });
    }

    private static void fill(MemorySegment rows, int time, int channels) {
        for (int channel = 0; channel < channels; channel++) {
            for (int i = 0; i < 2 * time; i++) {
                rows.set(FLOAT, 4L * ((long) channel * 2 * time + i), i < time ? 1f / (1 + i) : 0);
            }
        }
    }
}
