package tern.cli.load;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code tern serve} as a child process on a free port of loopback, with this JVM's modules. Safe for use by several threads. */
public final class ServerProcess implements AutoCloseable {
    private static final Pattern READY = Pattern.compile("serving .* at http://127\\.0\\.0\\.1:([0-9]+)");
    private static final long START_SECONDS = 300;
    private static final long STOP_SECONDS = 20;
    private static final int MOST_LINES = 10_000;

    private final Process process;
    private final int port;
    private final List<String> lines;

    private ServerProcess(Process process, int port, List<String> lines) {
        this.process = process;
        this.port = port;
        this.lines = lines;
    }

    /**
     * Starts a server and waits until it listens.
     *
     * @param jvm further flags for its JVM
     * @param arguments of {@code tern serve} but for the port
     * @throws IOException if it does not come up; tells what it said
     */
    public static ServerProcess start(List<String> jvm, List<String> arguments) throws IOException {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(
                List.of("-XX:Tier3DelayOn=100000", "-XX:TypeProfileLevel=112", "-XX:+UseSerialGC", "-XX:-UsePerfData",
                        "--add-modules=jdk.incubator.vector"));
        command.addAll(jvm);
        String modules = System.getProperty("jdk.module.path", "");
        if (modules.isEmpty() || !ServerProcess.class.getModule().isNamed()) {
            command.addAll(List.of("--enable-native-access=ALL-UNNAMED", "-cp", System.getProperty("java.class.path"),
                    "tern.cli.Tern"));
        } else {
            String others = System.getProperty("java.class.path", "");
            if (!others.isEmpty()) {
                // What no module names may stand on the class path beside them.
                command.addAll(List.of("-cp", others));
            }
            command.addAll(List.of("--enable-native-access=tern.tensor,tern.kernels,tern.model,tern.cli",
                    "--add-opens=java.base/java.io=tern.cli", "--module-path", modules, "-m",
                    "tern.cli/tern.cli.Tern"));
        }
        command.addAll(List.of("serve", "--port", "0"));
        command.addAll(arguments);
        Process process = new ProcessBuilder(command).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
        List<String> lines = new ArrayList<>();
        CompletableFuture<Integer> port = new CompletableFuture<>();
        Thread.ofVirtual().name("server-log").start(() -> gather(process, lines, port));
        try {
            return new ServerProcess(process, port.get(START_SECONDS, TimeUnit.SECONDS), lines);
        } catch (ExecutionException | TimeoutException failed) {
            process.destroyForcibly();
            synchronized (lines) {
                throw new IOException("the server did not come up; it said: " + String.join(" | ", lines), failed);
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while the server came up", interrupted);
        }
    }

    private static void gather(Process process, List<String> lines, CompletableFuture<Integer> port) {
        try (BufferedReader err = new BufferedReader(
                new InputStreamReader(process.getErrorStream(), StandardCharsets.UTF_8))) {
            for (String line = err.readLine(); line != null; line = err.readLine()) {
                synchronized (lines) {
                    if (lines.size() < MOST_LINES) {
                        lines.add(line);
                    }
                }
                Matcher matcher = READY.matcher(line);
                if (matcher.find()) {
                    port.complete(Integer.parseInt(matcher.group(1)));
                }
            }
        } catch (IOException ended) {
            port.completeExceptionally(ended);
        }
        port.completeExceptionally(new IOException("it ended"));
    }

    /** Where it listens. */
    public int port() {
        return port;
    }

    /** What it has said on standard error so far. */
    public List<String> log() {
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** A connection to it. */
    HttpConnection connect() throws IOException {
        return new HttpConnection(port);
    }

    /** Bytes that it holds in physical memory; nothing where the system does not tell. */
    public Optional<Long> residentBytes() {
        Path status = Path.of("/proc", Long.toString(process.pid()), "status");
        try {
            return !Files.isReadable(status) ? Optional.empty()
                    : Files.readAllLines(status).stream().filter(line -> line.startsWith("VmRSS:"))
                            .map(line -> 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""))).findFirst();
        } catch (IOException gone) {
            return Optional.empty();
        }
    }

    /**
     * Asks its JVM with the JDK's {@code jcmd}.
     *
     * @return what it answers
     * @throws IOException if it does not answer
     */
    public String ask(String... what) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin", "jcmd").toString(), Long.toString(process.pid())));
        command.addAll(List.of(what));
        Process asked = new ProcessBuilder(command).redirectErrorStream(true).start();
        String answer = new String(asked.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        if (asked.waitFor() != 0) {
            throw new IOException("jcmd " + String.join(" ", what) + " failed: " + answer.strip());
        }
        return answer;
    }

    /** Ends it at once, as {@code kill -9} does. */
    public void kill() throws InterruptedException {
        process.destroyForcibly();
        process.waitFor();
    }

    /** Asks it to end and does not wait. */
    public void terminate() {
        process.destroy();
    }

    /** Waits until it has ended, at most so long. */
    public boolean awaitEnd(long seconds) throws InterruptedException {
        return process.waitFor(seconds, TimeUnit.SECONDS);
    }

    /** Asks it to end, and insists if it does not. */
    @Override
    public void close() {
        process.destroy();
        try {
            if (!process.waitFor(STOP_SECONDS, TimeUnit.SECONDS)) {
                kill();
            }
        } catch (InterruptedException interrupted) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
        }
    }
}
