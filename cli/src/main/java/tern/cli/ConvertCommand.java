package tern.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;

import tern.checkpoint.Checkpoint;
import tern.checkpoint.Metadatum;
import tern.checkpoint.Metadatum.Width;
import tern.checkpoint.ModelFiles;
import tern.checkpoint.RecordJson;
import tern.checkpoint.Safetensors;
import tern.checkpoint.TensorFile;
import tern.checkpoint.naming.LlamaFile;
import tern.inference.LanguageModel;
import tern.model.Stack;
import tern.tensor.DType;
import tern.text.GgufTokenizers;
import tern.text.Tokenizer;
import tern.train.RunDescription;

/** {@code tern convert}: any model that can be opened, to Tern's own format or to GGUF. */
@Command(name = "convert", description = "Write a model in another format or type of weights.", mixinStandardHelpOptions = true, sortOptions = false)
final class ConvertCommand implements Callable<Integer> {
    private static final Map<String, DType> TYPES = new LinkedHashMap<>();

    static {
        for (DType type : List.of(DType.F32, DType.BF16, DType.F16, DType.Q8_0, DType.Q4_0, DType.Q4_K, DType.Q6_K)) {
            TYPES.put(type.name().toLowerCase(Locale.ROOT), type);
        }
    }

    @ParentCommand
    private Tern tern;

    @Parameters(index = "0", paramLabel = "IN", description = "A model: a folder, safetensors, .pth, GGUF or rwkv.cpp file.")
    private Path in;

    @Parameters(index = "1", paramLabel = "OUT", description = "A file that ends in .gguf or .safetensors, or a folder.")
    private Path out;

    @Option(names = "--dtype", defaultValue = "f32", description = "How matrices are stored: f32, bf16, f16, and in GGUF q8_0, q4_0, q4_K, q6_K (${DEFAULT-VALUE}).")
    private String dtype;

    @Option(names = "--tokenizer", paramLabel = "bytes|world|FILE", description = "The tokenizer, where the model's files do not tell.")
    private Optional<String> tokenizer;

    @Option(names = "--set", paramLabel = "KEY=VALUE", arity = "1..*", description = "What no parameter depends on and the file does not tell, such as branches.*.positions.kind=ROTARY for a GoldFinch that was trained with rotary positions.")
    private List<String> settings = List.of();

    @Override
    public Integer call() throws Exception {
        DType type = TYPES.get(dtype.toLowerCase(Locale.ROOT));
        if (type == null) {
            throw new UserError("--dtype is \"" + dtype + "\", expected one of " + String.join(", ", TYPES.keySet()));
        }
        boolean llama = out.toString().endsWith(".gguf");
        if (type.isBlocked() && !llama) {
            throw new UserError("--dtype " + dtype + " needs a file that ends in .gguf; safetensors has no blocks");
        }
        LlamaFile.Otherwise otherwise = new LlamaFile.Otherwise(0, 0);
        try (Checkpoint checkpoint = Checkpoint.open(in)) {
            requireFree();
            Tokenizer read = tokenizer.isPresent() ? Tokenizer.open(tokenizer.get())
                    : LanguageModel.tokenizerOf(checkpoint);
            if (tokenizer.isPresent() && read.vocabulary() > checkpoint.config().vocabulary()) {
                throw new UserError("--tokenizer " + tokenizer.get() + ": has " + read.vocabulary()
                        + " symbols, but the model's vocabulary is " + checkpoint.config().vocabulary()
                        + "; give the tokenizer that the model was trained with");
            }
            Stack model = model(checkpoint);
            if (llama) {
                otherwise = LlamaFile.write(out, model, type, in.getFileName().toString(),
                        metadata(read, checkpoint.config().vocabulary()));
            } else {
                ModelFiles.write(out, read.files());
                Checkpoint.convert(out, checkpoint, model, type, read.descriptor());
            }
        }
        Path file = Files.isDirectory(out) ? out.resolve("model.safetensors") : out;
        tern.out().printf("%s: %,d bytes, matrices in %s%s%n", file, Files.size(file), dtype,
                counted(otherwise.eights(), "q8_0", type) + counted(otherwise.floats(), "f32", type));
        return Outcome.OK;
    }

    private static String counted(int matrices, String stored, DType type) {
        return matrices == 0 ? "" : "; %d of them in %s, because their rows are no multiple of %d".formatted(matrices,
                stored, stored.equals("f32") ? Math.min(type.blockLength(), DType.Q8_0.blockLength())
                        : type.blockLength());
    }

    /** Refuses to write where something else would be lost. */
    private void requireFree() throws IOException {
        boolean folder = !out.toString().endsWith(".gguf") && !out.toString().endsWith(".safetensors");
        if (!folder) {
            Destination.requireFile("OUT", out);
        } else if (Files.exists(out) && !Files.isDirectory(out)) {
            throw new UserError("OUT " + out + ": is a file, but a model goes into a folder or into a file that ends in"
                    + " .gguf or .safetensors; choose another name");
        } else {
            Destination.requireFolder("OUT", out);
        }
        if (!folder) {
            Destination.requireApart("OUT", out, in);
        }
        Path written = folder ? out.resolve(Safetensors.MODEL_FILE) : out;
        Path read = Files.isDirectory(in) ? in.resolve(Safetensors.MODEL_FILE) : in;
        if (Files.exists(written) && Files.exists(read) && Files.isSameFile(read, written)) {
            throw new UserError("OUT " + out + ": is the model itself; choose another name");
        }
        Path around = Files.isDirectory(in) ? in : in.toAbsolutePath().getParent();
        if (folder && around != null && Files.exists(out) && Files.isSameFile(around, out)
                && Files.exists(out.resolve(Checkpoint.CONFIG_FILE))) {
            throw new UserError("OUT " + out + ": holds IN and its " + Checkpoint.CONFIG_FILE
                    + ", which would be lost; choose another"
                    + " folder");
        }
        if (!Files.exists(written)) {
            return;
        }
        if (folder && Files.exists(out.resolve(RunDescription.FILE))) {
            throw new UserError("OUT " + out + ": a model was trained there, which would be lost; choose another name");
        }
        try (TensorFile before = TensorFile.open(written)) {
            Object unusedBecauseAnyModelMayBeReplaced = before;
        } catch (IOException unreadable) {
            throw new UserError("OUT " + out + ": there is something else already, which would be lost ("
                    + unreadable.getMessage() + "); choose another name", unreadable);
        }
    }

    private Stack model(Checkpoint checkpoint) {
        return settings.isEmpty() ? checkpoint.model()
                : checkpoint.model().with(RecordJson.with(checkpoint.config(), settings));
    }

    /** Nothing where the model's files do not say how text becomes symbols: then the GGUF does not either. */
    private static Map<String, Metadatum> metadata(Tokenizer tokenizer, int rows) throws IOException {
        Map<String, Metadatum> metadata = new LinkedHashMap<>();
        if (!tokenizer.name().equals("unknown")) {
            GgufTokenizers.metadata(tokenizer, rows).forEach((key, value) -> metadata.put(key, metadatum(key, value)));
        }
        return metadata;
    }

    private static Metadatum metadatum(String key, Object value) {
        return switch (value) {
            case String text -> new Metadatum.Text(text);
            case Integer number -> new Metadatum.Whole(Width.U32, number);
            case Boolean flag -> new Metadatum.Flag(flag);
            case List<?> list when list.stream().allMatch(String.class::isInstance) ->
                new Metadatum.Texts(list.stream().map(String.class::cast).toList());
            case List<?> list when list.stream().allMatch(Integer.class::isInstance) -> new Metadatum.Wholes(Width.I32,
                    list.stream().map(number -> Long.valueOf((Integer) number)).toList());
            case List<?> list when list.stream().allMatch(Float.class::isInstance) ->
                new Metadatum.Reals(Metadatum.Precision.F32,
                        list.stream().map(number -> ((Float) number).doubleValue()).toList());
            default -> throw new IllegalStateException(key + " has a value of " + value.getClass());
        };
    }
}
