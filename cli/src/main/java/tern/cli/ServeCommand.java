package tern.cli;

import java.io.IOException;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributeView;
import java.nio.file.attribute.PosixFilePermission;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParentCommand;

import tern.host.chat.ChatTemplate;
import tern.host.engine.Batcher;
import tern.host.engine.WarmUp;
import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.mixers.goldfinch.GoldCache;
import tern.serve.TernServer;
import tern.serve.http.ApiKeys;
import tern.serve.http.Limits;

/** {@code tern serve}: models over HTTP, until it is told to end. */
@Command(name = "serve", description = "Serve models over HTTP, with OpenAI's API and sessions of Tern's own.", mixinStandardHelpOptions = true, sortOptions = false)
final class ServeCommand implements Callable<Integer> {
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,12})\\s*([kmgt]?)(i?b)?", Pattern.CASE_INSENSITIVE);
    private static final long POLL_MILLIS = 50;

    @ParentCommand
    private Tern tern;

    @Option(names = "--model", required = true, paramLabel = "[NAME=]PATH", description = "A model's folder or file; may be given several times. Requests use the name, by default that of the folder or file.")
    private List<String> models;

    @Option(names = "--begin", paramLabel = "NAME=FILE", description = "Sequences of this model begin with a state that was tuned for it (tern train --tune states, or a .pth of blocks.N.att.time_state); may be given for several models, which may be one file under several names.")
    private List<String> begins = List.of();

    @Option(names = "--port", defaultValue = "8080", description = "Port; 0 for any that is free (${DEFAULT-VALUE}).")
    private int port;

    @Option(names = "--bind", defaultValue = "127.0.0.1", description = "Address to listen on (${DEFAULT-VALUE}, this machine only).")
    private String bind;

    @Option(names = "--state-dir", paramLabel = "DIR", description = "Where sessions and states of prompts go, so that they survive a restart and memory may be small.")
    private @Nullable Path stateFolder;

    @Option(names = "--api-key-file", paramLabel = "FILE", description = "Keys of the API, one a line; without it everybody who reaches the port is served.")
    private @Nullable Path keyFile;

    @Option(names = "--max-memory", paramLabel = "SIZE", description = "Memory for states, such as 8g: half for running streams, the rest for states of prompts and sessions (a quarter of the machine's).")
    private @Nullable String memory;

    @Option(names = "--cache", paramLabel = "TIER", description = "What GOLD layers keep of every position: compressed (tokens and D/16 numbers, the least memory), keys (proto-keys) or full (keys and values of each layer, the fastest). If absent, as each model was saved.")
    private @Nullable String cache;

    @Option(names = "--cache-type", paramLabel = "TYPE", description = "How it is stored: f32, bf16 or int8, which round (f32).")
    private @Nullable String cacheType;

    @Option(names = "--max-disk", paramLabel = "SIZE", defaultValue = "32g", description = "What states of prompts may take in --state-dir (${DEFAULT-VALUE}).")
    private String disk;

    @Option(names = "--max-streams", defaultValue = "1024", description = "Continuations that run at the same time (${DEFAULT-VALUE}).")
    private int streams;

    @Option(names = "--max-waiting", defaultValue = "4096", description = "Requests that wait for them; more are refused with status 429 (${DEFAULT-VALUE}).")
    private int waiting;

    @Option(names = "--max-tokens", defaultValue = "1048576", description = "Most tokens of a prompt and its continuation together (${DEFAULT-VALUE}).")
    private int tokens;

    @Option(names = "--max-seconds", defaultValue = "1800", description = "How long a request may take (${DEFAULT-VALUE}).")
    private int seconds;

    @Option(names = "--drain-seconds", defaultValue = "30", description = "How long requests under way are waited for at the end (${DEFAULT-VALUE}).")
    private int drainSeconds;

    @Option(names = "--warm-seconds", defaultValue = "3", description = "How long each model computes before it is served, so that its code is compiled; 0 for not at all (${DEFAULT-VALUE}).")
    private double warmSeconds;

    @Mixin
    private ThreadOptions threads;

    @Override
    public Integer call() throws Exception {
        requireRange("--port", port, 0, 65535);
        requireRange("--max-streams", streams, 1, 1 << 20);
        requireRange("--max-waiting", waiting, 0, 1 << 24);
        requireRange("--max-tokens", tokens, 2, 1 << 30);
        requireRange("--max-seconds", seconds, 1, 1 << 30);
        requireRange("--drain-seconds", drainSeconds, 0, 1 << 20);
        if (!(warmSeconds >= 0 && warmSeconds <= 600)) {
            throw new UserError("--warm-seconds is " + warmSeconds + ", expected 0 to 600");
        }
        requireAddress();
        if (stateFolder != null) {
            Destination.requireFolder("--state-dir", stateFolder);
        }
        Optional<GoldCache> remembering = CacheOptions.chosen(cache, cacheType);
        Map<String, Path> paths = paths();
        ApiKeys keys = keys();
        Limits usual = Limits.USUAL;
        Limits limits = new Limits(usual.bodyBytes(), usual.stateBytes(), usual.headerBytes(),
                Duration.ofSeconds(seconds), usual.idle(), usual.choices(), usual.defaultTokens(), usual.embeddings());
        Batcher.Settings batch = new Batcher.Settings(streams, waiting, 8, tokens, 0, 0.03);
        TernServer.Options options = new TernServer.Options(bind, port, Optional.ofNullable(stateFolder), keys,
                memory == null ? Machine.usableMemory() / 4 : size("--max-memory", memory), size("--max-disk", disk),
                limits, batch, Duration.ofSeconds(drainSeconds));
        TernServer.requireFree(options);
        if (options.memory() > Machine.usableMemory()) {
            tern.err().println("tern: --max-memory " + memory + " is more than the " + (Machine.usableMemory() >> 20)
                    + " MiB of this machine; states may fill it before requests are refused");
        }
        int cores = threads.count();
        Map<String, LanguageModel> opened = new LinkedHashMap<>();
        Map<String, ChatTemplate> templates = new LinkedHashMap<>();
        try (Interrupt interrupt = new Interrupt(); Engine engine = Engine.steady(cores)) {
            try {
                for (Map.Entry<String, Path> entry : paths.entrySet()) {
                    if (interrupt.isRequested()) {
                        return Outcome.INTERRUPTED;
                    }
                    opened.put(entry.getKey(), LanguageModel.open(entry.getValue(), engine));
                    templates.put(entry.getKey(), ChatTemplate.of(entry.getValue()));
                }
                Map<String, LanguageModel> served = begun(CacheOptions.remembering(opened, remembering));
                served.values().forEach(model -> WarmUp.run(model, warmSeconds, interrupt::isRequested));
                if (interrupt.isRequested()) {
                    return Outcome.INTERRUPTED;
                }
                try (TernServer server = TernServer.start(options, served, templates)) {
                    greet(server, paths);
                    while (!interrupt.isRequested()) {
                        Thread.sleep(POLL_MILLIS);
                    }
                    tern.err().println("tern: going down: requests under way are answered first");
                }
            } finally {
                opened.values().forEach(LanguageModel::close);
            }
        }
        return Outcome.OK;
    }

    /** The same models by name, of which some begin with a state. */
    private Map<String, LanguageModel> begun(Map<String, LanguageModel> served) throws IOException {
        Map<String, LanguageModel> begun = new LinkedHashMap<>(served);
        for (String begin : begins) {
            int equals = begin.indexOf('=');
            String name = equals < 0 ? begin : begin.substring(0, equals);
            LanguageModel model = served.get(name);
            if (equals < 0 || model == null) {
                throw new UserError("--begin is \"" + begin + "\", expected NAME=FILE with one of the models "
                        + String.join(", ", served.keySet()));
            }
            begun.put(name, model.beginningWith(Path.of(begin.substring(equals + 1))));
        }
        return begun;
    }

    private void greet(TernServer server, Map<String, Path> paths) throws IOException {
        PrintStream err = tern.err();
        if (keyFile == null && !InetAddress.getByName(bind).isLoopbackAddress()) {
            err.println("tern: everybody who reaches " + bind + " is served; --api-key-file asks for keys");
        }
        if (stateFolder == null) {
            err.println("tern: sessions end with this process; --state-dir keeps them");
        }
        String host = bind.contains(":") ? "[" + bind + "]" : bind;
        err.println("tern: serving " + String.join(", ", paths.keySet()) + " at http://" + host + ":" + server.port());
        err.flush();
    }

    private void requireAddress() {
        try {
            InetAddress.getByName(bind);
        } catch (UnknownHostException unknown) {
            throw new UserError(
                    "--bind " + bind + " is no address that is known here; expected one of this machine's, such as"
                            + " 127.0.0.1 or 0.0.0.0",
                    unknown);
        }
    }

    private Map<String, Path> paths() {
        Map<String, Path> paths = new LinkedHashMap<>();
        for (String model : models) {
            int equals = model.indexOf('=');
            boolean named = equals > 0 && !Files.exists(Path.of(model));
            Path path = Path.of(named ? model.substring(equals + 1) : model);
            String name = named ? model.substring(0, equals) : nameOf(path);
            if (!name.matches("[A-Za-z0-9._:-]{1,100}")) {
                throw new UserError("--model: \"" + name
                        + "\" cannot be a name in requests, expected letters, digits and . _ : -; give one: NAME=PATH");
            }
            if (paths.putIfAbsent(name, path) != null) {
                throw new UserError("--model: two models are called " + name + "; give them names: NAME=PATH");
            }
        }
        return paths;
    }

    private static String nameOf(Path path) {
        Path last = path.toAbsolutePath().normalize().getFileName();
        String name = last == null ? "model" : last.toString();
        return Files.isDirectory(path) ? name : name.replaceFirst("\\.(safetensors|gguf|pth|bin)$", "");
    }

    private ApiKeys keys() throws IOException {
        if (keyFile == null) {
            return ApiKeys.NONE;
        }
        String text;
        try {
            text = Files.readString(keyFile);
        } catch (CharacterCodingException other) {
            throw new UserError("--api-key-file: " + keyFile + " is no text; expected one key a line", other);
        } catch (FileSystemException missing) {
            throw missing;
        } catch (IOException unreadable) {
            throw new UserError("--api-key-file: " + keyFile + " cannot be read: " + unreadable.getMessage(),
                    unreadable);
        }
        List<String> keys = text.lines().map(String::strip).filter(line -> !line.isEmpty() && !line.startsWith("#"))
                .toList();
        if (keys.isEmpty()) {
            throw new UserError("--api-key-file: " + keyFile + " has no key, expected one a line");
        }
        warnIfOpen(keyFile);
        return new ApiKeys(keys);
    }

    private void warnIfOpen(Path file) throws IOException {
        PosixFileAttributeView view = Files.getFileAttributeView(file, PosixFileAttributeView.class);
        if (view != null && view.readAttributes().permissions().contains(PosixFilePermission.OTHERS_READ)) {
            tern.err().println("tern: --api-key-file: everybody on this machine can read " + file
                    + "; chmod 600 keeps it to yourself");
        }
    }

    static long size(String option, String text) {
        Matcher matcher = SIZE.matcher(text.strip());
        if (!matcher.matches()) {
            throw new UserError(option + " is \"" + text + "\", expected a size such as 512m or 8g");
        }
        int power = "kmgt".indexOf(matcher.group(2).toLowerCase(Locale.ROOT).isEmpty() ? '-'
                : matcher.group(2).toLowerCase(Locale.ROOT).charAt(0)) + 1;
        long number = Long.parseLong(matcher.group(1));
        long unit = 1L << 10 * power;
        if (number < 1 || number > Long.MAX_VALUE / unit) {
            throw new UserError(option + " is \"" + text + "\", expected a size above 0 and below 8,388,608t");
        }
        return number * unit;
    }

    private static void requireRange(String option, int value, int least, int most) {
        if (value < least || value > most) {
            throw new UserError(option + " is " + value + ", expected " + least + " to " + most);
        }
    }
}
