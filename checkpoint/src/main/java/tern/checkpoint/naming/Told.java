package tern.checkpoint.naming;

import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import tern.checkpoint.MalformedFileException;
import tern.checkpoint.StoredTensor;
import tern.checkpoint.TensorFile;
import tern.model.StackConfig;

/**
 * Holds what a file's own configuration tells of its size, a GGUF's metadata or the {@code config.json} beside tensors with names of
 * Hugging Face, against the shapes of its tensors, which the model is made from. Where the two contradict each other, one of them is
 * damaged or belongs to another model.
 */
final class Told {
    private static final Pattern LLAMA = Pattern.compile("blk\\.(\\d{1,6})\\..*");
    private static final Pattern HUGGING_FACE = Pattern
            .compile("(?:model|backbone|rwkv)\\.(?:language_model\\.)?(?:layers|blocks)\\.(\\d{1,6})\\..*");

    private Told() {
    }

    /** @throws MalformedFileException if width, layers or vocabulary contradict each other; names the key and both numbers */
    static void requireAgreement(TensorFile file, StackConfig shapes) throws MalformedFileException {
        Optional<String> architecture = file.text("general.architecture");
        if (architecture.isPresent()) {
            String own = architecture.get() + ".";
            OptionalLong layers = layers(file, LLAMA);
            require(file, own + "embedding_length", file.whole(own + "embedding_length"), shapes.width(), "wide");
            if (layers.isPresent()) {
                // Layers that guess several tokens ahead may have been left out.
                long left = layers.getAsLong() + file.whole(own + "nextn_predict_layers").orElse(0);
                OptionalLong told = file.whole(own + "block_count");
                if (told.isEmpty() || told.getAsLong() != left) {
                    require(file, own + "block_count", told, layers.getAsLong(), "layers deep");
                }
            }
            requireRows(file, own + "vocab_size", file.whole(own + "vocab_size"), shapes.vocabulary());
            return;
        }
        OptionalLong layers = layers(file, HUGGING_FACE);
        if (layers.isEmpty()) {
            return;
        }
        HuggingFaceConfig config = new HuggingFaceConfig(file);
        for (String key : List.of("hidden_size", "d_model", "embedding_dim")) {
            require(file, key, config.whole(key), shapes.width(), "wide");
        }
        for (String key : List.of("num_hidden_layers", "n_layer", "num_blocks", "num_layers")) {
            require(file, key, config.whole(key), layers.getAsLong(), "layers deep");
        }
        requireRows(file, "vocab_size", config.whole("vocab_size"), shapes.vocabulary());
    }

    private static void require(TensorFile file, String key, OptionalLong told, long found, String words)
            throws MalformedFileException {
        if (told.isPresent() && told.getAsLong() != found) {
            throw contradiction(file, key, told.getAsLong(), found + " " + words);
        }
    }

    /** A table of embeddings may be longer than the vocabulary, so that its rows are a round number. */
    private static void requireRows(TensorFile file, String key, OptionalLong told, long rows)
            throws MalformedFileException {
        if (told.isPresent() && (told.getAsLong() < 1 || told.getAsLong() > rows)) {
            throw contradiction(file, key, told.getAsLong(), "a vocabulary of " + rows);
        }
    }

    private static MalformedFileException contradiction(TensorFile file, String key, long told, String found) {
        return new MalformedFileException(
                file.path() + ": its configuration contradicts its tensors: \"" + key + "\" is "
                        + told + ", but the tensors are " + found.replaceFirst("^a ", "of a ")
                        + "; the file is damaged, or the configuration belongs to another model");
    }

    private static OptionalLong layers(TensorFile file, Pattern pattern) {
        return file.tensors().stream().map(StoredTensor::name).map(pattern::matcher).filter(Matcher::matches)
                .mapToLong(name -> Long.parseLong(name.group(1)) + 1).max();
    }
}
