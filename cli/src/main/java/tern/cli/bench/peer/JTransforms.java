package tern.cli.bench.peer;

import java.io.File;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

import tern.kernels.ThreadTeam;
import tern.tensor.Memory;

/**
 * Long convolutions by JTransforms, the JVM's usual transform library: real transforms of each channel in an array of its own,
 * as it likes them best, with the product of the spectra in between. Channels are the tasks of the team, which serves it better
 * than its own threads inside one transform.
 */
public final class JTransforms implements Peer {
    private final MethodHandle make;
    private final MethodHandle forth;
    private final MethodHandle back;

    /**
     * Loads the library.
     *
     * @param jars its jar and those it needs (JLargeArrays, commons-math3), separated as a class path
     * @throws IllegalArgumentException if one of them is not there or the library is not in them
     */
    public JTransforms(String jars) {
        List<URL> places = new ArrayList<>();
        for (String jar : jars.split(File.pathSeparator)) {
            places.add(place(Path.of(jar)));
        }
        // Lives as long as the JVM, as the other peers do.
        ClassLoader loader = new URLClassLoader("jtransforms", places.toArray(URL[]::new),
                ClassLoader.getPlatformClassLoader());
        try {
            Class<?> threads = Class.forName("org.visnow.jlargearrays.ConcurrencyUtils", true, loader);
            threads.getMethod("setNumberOfThreads", int.class).invoke(null, 1);
            Class<?> plan = Class.forName("org.jtransforms.fft.FloatFFT_1D", true, loader);
            MethodHandles.Lookup lookup = MethodHandles.publicLookup();
            make = lookup.findConstructor(plan, MethodType.methodType(void.class, long.class))
                    .asType(MethodType.methodType(Object.class, long.class));
            forth = lookup.findVirtual(plan, "realForward", MethodType.methodType(void.class, float[].class))
                    .asType(MethodType.methodType(void.class, Object.class, float[].class));
            back = lookup.findVirtual(plan, "realInverse",
                    MethodType.methodType(void.class, float[].class, boolean.class))
                    .asType(MethodType.methodType(void.class, Object.class, float[].class, boolean.class));
        } catch (ReflectiveOperationException | LinkageError refused) {
            throw new IllegalArgumentException(
                    "%s: no JTransforms in there (%s); name the jars of JTransforms 3, JLargeArrays and commons-math3, separated by %s"
                            .formatted(jars, refused, File.pathSeparator),
                    refused);
        }
    }

    private static URL place(Path jar) {
        if (!Files.isRegularFile(jar)) {
            throw new IllegalArgumentException(
                    "no file %s; name the jars of JTransforms, JLargeArrays and commons-math3, the library to measure against"
                            .formatted(jar));
        }
        try {
            return jar.toUri().toURL();
        } catch (MalformedURLException impossible) {
            throw new IllegalArgumentException(jar + " cannot be named as a URL", impossible);
        }
    }

    @Override
    public String name() {
        return "JTransforms";
    }

    @Override
    public Optional<Runnable> prepare(Twin twin, ThreadTeam team, Memory memory) {
        if (!(twin instanceof Twin.LongConvolution(int time, int channels))) {
            return Optional.empty();
        }
        int points = 2 * time;
        Object plan = plan(points);
        float[][] x = new float[channels][points], taps = new float[channels][points];
        return Optional.of(() -> team.run(channels, (channel, scratch) -> {
            float[] a = x[channel], b = taps[channel];
            fill(a, time);
            fill(b, time);
            convolve(plan, a, b);
        }));
    }

    private Object plan(long points) {
        try {
            return make.invokeExact(points);
        } catch (Throwable thrown) {
            throw failed(thrown);
        }
    }

    /** Transforms overwrite what they are given; filling it again is a small part of their work. */
    private static void fill(float[] row, int time) {
        for (int i = 0; i < time; i++) {
            row[i] = 1f / (1 + i);
        }
        for (int i = time; i < row.length; i++) {
            row[i] = 0;
        }
    }

    private void convolve(Object plan, float[] a, float[] b) {
        try {
            forth.invokeExact(plan, a);
            forth.invokeExact(plan, b);
            // The first two numbers are the real bins of frequency 0 and of the highest.
            a[0] *= b[0];
            a[1] *= b[1];
            for (int i = 2; i < a.length; i += 2) {
                float real = a[i] * b[i] - a[i + 1] * b[i + 1];
                a[i + 1] = a[i] * b[i + 1] + a[i + 1] * b[i];
                a[i] = real;
            }
            back.invokeExact(plan, a, true);
        } catch (Throwable thrown) {
            throw failed(thrown);
        }
    }

    private static IllegalStateException failed(Throwable thrown) {
        return new IllegalStateException("JTransforms failed: " + thrown.getMessage(), thrown);
    }
}
