package tern.langchain4j;

import java.util.ArrayList;
import java.util.List;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.output.Response;
import dev.langchain4j.model.output.TokenUsage;

import tern.host.local.LocalModel;

/**
 * Embeddings by a model in this process: the mean over all tokens of what its head would read, of length 1. Safe for use by several
 * threads; close it after the last call.
 */
public final class TernEmbeddingModel implements EmbeddingModel, AutoCloseable {
    private final ModelSource.Opened opened;

    /** What to build. */
    public static final class Builder extends ModelSource<Builder> {
        private Builder() {
        }

        @Override
        Builder self() {
            return this;
        }

        /**
         * Opens the model.
         *
         * @throws dev.langchain4j.exception.ModelNotFoundException if it cannot be opened; says why
         */
        public TernEmbeddingModel build() {
            return new TernEmbeddingModel(open());
        }
    }

    private TernEmbeddingModel(ModelSource.Opened opened) {
        this.opened = opened;
    }

    /** A builder. */
    public static Builder builder() {
        return new Builder();
    }

    /**
     * One embedding a segment, in order.
     *
     * @throws dev.langchain4j.exception.InvalidRequestException if the tokenizer cannot express a text
     */
    @Override
    public Response<List<Embedding>> embedAll(List<TextSegment> segments) {
        LocalModel model = opened.model();
        List<Embedding> all = new ArrayList<>(segments.size());
        int count = 0;
        try {
            for (TextSegment segment : segments) {
                int[] tokens = model.tokens(segment.text());
                count += tokens.length;
                all.add(Embedding.from(model.embedding(tokens)));
            }
        } catch (InterruptedException interrupted) {
            throw Failures.interrupted(interrupted);
        } catch (RuntimeException why) {
            throw Failures.of(why);
        }
        return Response.from(all, new TokenUsage(count, 0));
    }

    @Override
    public int dimension() {
        return opened.model().width();
    }

    @Override
    public String modelName() {
        return opened.model().name();
    }

    /** Closes the model if the builder opened it. */
    @Override
    public void close() {
        opened.close();
    }
}
