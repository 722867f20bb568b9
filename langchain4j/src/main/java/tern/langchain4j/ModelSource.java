package tern.langchain4j;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

import dev.langchain4j.exception.ModelNotFoundException;
import org.jspecify.annotations.Nullable;

import tern.host.local.LocalModel;

/**
 * Where a model comes from: a path, opened by {@code build()} and closed with what was built, or a model that is open already,
 * which several can share and whoever opened it closes. Every setter takes null for "as if it had not been called". Confined to
 * one thread.
 *
 * @param <B> the builder itself
 */
public abstract sealed class ModelSource<B extends ModelSource<B>>
        permits TernBuilder, TernEmbeddingModel.Builder, TernTokenCountEstimator.Builder {
    private Optional<LocalModel> shared = Optional.empty();
    private Optional<Path> path = Optional.empty();
    private Optional<Integer> threads = Optional.empty();
    private Optional<Long> stateBytes = Optional.empty();
    private Optional<Path> stateFolder = Optional.empty();
    private Optional<Integer> maxWaiting = Optional.empty();

    ModelSource() {
    }

    /** The builder. */
    abstract B self();

    /** A model's folder or file, opened by {@code build()}. */
    public B modelPath(@Nullable Path modelPath) {
        path = Optional.ofNullable(modelPath);
        return self();
    }

    /** {@link #modelPath(Path)}. */
    public B modelPath(@Nullable String modelPath) {
        return modelPath(modelPath == null ? null : Path.of(modelPath));
    }

    /** A model that is open; nothing else about where it comes from may be said then. */
    public B model(@Nullable LocalModel model) {
        shared = Optional.ofNullable(model);
        return self();
    }

    /** Threads to compute on, 1 or more; all cores if not said. */
    public B threads(@Nullable Integer count) {
        threads = Optional.ofNullable(count);
        return self();
    }

    /** Native memory for states, in bytes; 1 GiB if not said. */
    public B stateBytes(@Nullable Long bytes) {
        stateBytes = Optional.ofNullable(bytes);
        return self();
    }

    /** Where states go that memory has no room for; they then survive the process. */
    public B stateFolder(@Nullable Path folder) {
        stateFolder = Optional.ofNullable(folder);
        return self();
    }

    /** How many calls wait for their turn, 4,096 if not said; more are refused with a {@code RateLimitException}. */
    public B maxWaiting(@Nullable Integer count) {
        maxWaiting = Optional.ofNullable(count);
        return self();
    }

    /** A model, and whether it is closed with what is built on it. */
    record Opened(LocalModel model, boolean owned) implements AutoCloseable {
        @Override
        public void close() {
            if (owned) {
                model.close();
            }
        }
    }

    Opened open() {
        if (shared.isPresent()) {
            if (path.isPresent() || threads.isPresent() || stateBytes.isPresent() || stateFolder.isPresent()
                    || maxWaiting.isPresent()) {
                throw new IllegalArgumentException("model is set, and so is something that says how to open one;"
                        + " set either model, or modelPath with threads, stateBytes, stateFolder and maxWaiting");
            }
            return new Opened(shared.get(), false);
        }
        Path where = path.orElseThrow(
                () -> new IllegalArgumentException("modelPath is not set, expected a model's folder or file"));
        LocalModel.Options options = LocalModel.Options.of(where);
        options = threads.isPresent() ? options.withThreads(threads.get()) : options;
        options = stateBytes.isPresent() ? options.withStateBytes(stateBytes.get()) : options;
        options = stateFolder.isPresent() ? options.withStateFolder(stateFolder.get()) : options;
        options = maxWaiting.isPresent() ? options.withMaxWaiting(maxWaiting.get()) : options;
        try {
            return new Opened(LocalModel.open(options), true);
        } catch (IOException refused) {
            throw new ModelNotFoundException("the model cannot be opened: " + refused.getMessage(), refused);
        }
    }
}
