package tern.springai;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CancellationException;

import org.springframework.ai.chat.metadata.DefaultUsage;
import org.springframework.ai.document.Document;
import org.springframework.ai.embedding.Embedding;
import org.springframework.ai.embedding.EmbeddingModel;
import org.springframework.ai.embedding.EmbeddingOptions;
import org.springframework.ai.embedding.EmbeddingRequest;
import org.springframework.ai.embedding.EmbeddingResponse;
import org.springframework.ai.embedding.EmbeddingResponseMetadata;

import tern.host.local.LocalModel;

/**
 * Embeddings by a model in this process: the mean over all tokens of what its head would read, of length 1. Safe for use by
 * several threads. The model belongs to whoever opened it.
 */
public final class TernEmbeddingModel implements EmbeddingModel {
    private final LocalModel model;

    /** Embeds by a model. */
    public TernEmbeddingModel(LocalModel model) {
        this.model = model;
    }

    /**
     * One embedding a text, in order.
     *
     * @throws IllegalArgumentException if a text is empty or the tokenizer cannot express it
     * @throws UnsupportedOperationException if other dimensions are asked for than the model has
     * @throws CancellationException if the thread is interrupted; its flag is set again
     */
    @Override
    public EmbeddingResponse call(EmbeddingRequest request) {
        EmbeddingOptions options = request.getOptions();
        Integer dimensions = options == null ? null : options.getDimensions();
        if (dimensions != null && dimensions != model.width()) {
            throw new UnsupportedOperationException("dimensions: Tern's models do not offer this: " + model.name()
                    + " has " + model.width() + ", asked for were " + dimensions + "; leave them out");
        }
        List<Embedding> all = new ArrayList<>();
        int count = 0;
        for (String text : request.getInstructions()) {
            int[] tokens = model.tokens(text);
            count += tokens.length;
            all.add(new Embedding(vector(tokens), all.size()));
        }
        return new EmbeddingResponse(all, new EmbeddingResponseMetadata(model.name(), new DefaultUsage(count, 0)));
    }

    private float[] vector(int[] tokens) {
        try {
            return model.embedding(tokens);
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            CancellationException cancelled = new CancellationException(
                    "the thread was interrupted while others were embedded");
            cancelled.initCause(interrupted);
            throw cancelled;
        }
    }

    @Override
    public float[] embed(Document document) {
        return embed(getEmbeddingContent(document));
    }

    @Override
    public String getEmbeddingContent(Document document) {
        String text = document.getText();
        if (text == null) {
            throw new UnsupportedOperationException(
                    "media: Tern's models do not offer this: document " + document.getId() + " has no text");
        }
        return text;
    }

    @Override
    public int dimensions() {
        return model.width();
    }
}
