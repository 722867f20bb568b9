package tern.langchain4j;

import java.util.concurrent.CancellationException;

import dev.langchain4j.exception.InternalServerException;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.LangChain4jException;
import dev.langchain4j.exception.RateLimitException;
import dev.langchain4j.exception.TimeoutException;

import tern.host.chat.TemplateException;
import tern.host.engine.Refusal;

/** From Tern's exceptions to the framework's, which say whether trying again may help. */
final class Failures {
    private Failures() {
    }

    static RuntimeException of(RuntimeException why) {
        return switch (why) {
            case Refusal refusal -> switch (refusal.kind()) {
                case IMPOSSIBLE -> new InvalidRequestException(refusal.getMessage(), refusal);
                case BUSY -> new RateLimitException(refusal.getMessage(), refusal);
                case TOO_SLOW -> new TimeoutException("the answer took longer than the timeout", refusal);
                case CLOSING -> new LangChain4jException("the model was closed before the answer was there", refusal);
                case FAULT -> new InternalServerException(refusal.getMessage(), refusal);
            };
            case TemplateException refused ->
                new InvalidRequestException("the model's chat template refuses these messages: " + refused.getMessage(),
                        refused);
            case IllegalArgumentException refused -> new InvalidRequestException(refused.getMessage(), refused);
            default -> why;
        };
    }

    /** The flag of the thread is set again. */
    static RuntimeException interrupted(InterruptedException why) {
        Thread.currentThread().interrupt();
        CancellationException cancelled = new CancellationException(
                "the thread was interrupted while it waited for an answer");
        cancelled.initCause(why);
        return cancelled;
    }
}
