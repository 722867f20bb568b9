package tern.langchain4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Flow;
import java.util.concurrent.TimeUnit;

import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.response.ChatModelStreamingEvent;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteResponse;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.TokenStream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import tern.host.local.LocalModel;

class TernStreamingChatModelTest {
    @TempDir
    static Path folder;
    private static LocalModel shared;

    @BeforeAll
    static void open() throws IOException {
        shared = LocalModel.open(LocalModel.Options.of(TinyCheckpoint.in(folder)).withThreads(2));
    }

    @AfterAll
    static void close() {
        shared.close();
    }

    private static TernStreamingChatModel.Builder builder() {
        return TernStreamingChatModel.builder().model(shared).maxTokens(60).seed(7L);
    }

    private static String whole(String question) {
        return TernChatModel.builder().model(shared).maxTokens(60).seed(7L).build().chat(question);
    }

    /** Collects; what {@code wants} says after each piece decides whether it goes on. */
    private static class Collecting implements StreamingChatResponseHandler {
        final List<String> pieces = new ArrayList<>();
        final CompletableFuture<ChatResponse> response = new CompletableFuture<>();

        @Override
        public void onPartialResponse(String piece) {
            pieces.add(piece);
        }

        @Override
        public void onCompleteResponse(ChatResponse complete) {
            response.complete(complete);
        }

        @Override
        public void onError(Throwable error) {
            response.completeExceptionally(error);
        }
    }

    @Test
    void piecesAreTheAnswer() throws Exception {
        Collecting collecting = new Collecting();
        builder().build().chat("Who goes there?", collecting);
        ChatResponse response = collecting.response.get(1, TimeUnit.MINUTES);
        assertThat(response.aiMessage().text()).isEqualTo(whole("Who goes there?"))
                .isEqualTo(String.join("", collecting.pieces));
        assertThat(collecting.pieces).hasSizeGreaterThan(3);
        assertThat(response.tokenUsage().outputTokenCount()).isEqualTo(60);
    }

    @Test
    void aHandleCancels() throws Exception {
        long before = shared.report().cancelled();
        CompletableFuture<PartialResponseContext> first = new CompletableFuture<>();
        Collecting collecting = new Collecting() {
            @Override
            public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
                context.streamingHandle().cancel();
                first.complete(context);
            }
        };
        builder().maxTokens(100_000).build().chat("for ever", collecting);
        assertThat(first.get(1, TimeUnit.MINUTES).streamingHandle().isCancelled()).isTrue();
        awaitCancelled(before);
        assertThat(collecting.response).isNotDone();
    }

    private static void awaitCancelled(long before) throws InterruptedException {
        long until = System.nanoTime() + TimeUnit.MINUTES.toNanos(1);
        while (shared.report().cancelled() == before && System.nanoTime() < until) {
            Thread.sleep(5);
        }
        assertThat(shared.report().cancelled()).isEqualTo(before + 1);
    }

    @Test
    void whatAHandlerThrowsEndsItsCall() throws InterruptedException {
        long before = shared.report().cancelled();
        Collecting collecting = new Collecting() {
            @Override
            public void onPartialResponse(String piece) {
                throw new IllegalStateException("no more paper");
            }
        };
        builder().maxTokens(100_000).build().chat("for ever", collecting);
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> collecting.response.get(1, TimeUnit.MINUTES))
                .withMessageContaining("no more paper");
        awaitCancelled(before);
    }

    @Test
    void refusals() {
        assertThatExceptionOfType(UnsupportedFeatureException.class).isThrownBy(() -> builder().build().chat(
                ChatRequest.builder().messages(UserMessage.from("hi")).responseFormat(ResponseFormat.JSON).build(),
                new Collecting())).withMessageContaining("JSON");
        Collecting collecting = new Collecting();
        builder().maxTokens(1 << 30).build().chat("too long", collecting);
        assertThatExceptionOfType(ExecutionException.class)
                .isThrownBy(() -> collecting.response.get(1, TimeUnit.MINUTES))
                .withCauseInstanceOf(InvalidRequestException.class);
    }

    @Test
    void aPublisherTellsTheSame() throws Exception {
        CompletableFuture<List<ChatModelStreamingEvent>> events = new CompletableFuture<>();
        builder().build().chat(ChatRequest.builder().messages(UserMessage.from("flow")).build())
                .subscribe(new Flow.Subscriber<>() {
                    private final List<ChatModelStreamingEvent> found = new ArrayList<>();

                    @Override
                    public void onSubscribe(Flow.Subscription subscription) {
                        subscription.request(Long.MAX_VALUE);
                    }

                    @Override
                    public void onNext(ChatModelStreamingEvent event) {
                        found.add(event);
                    }

                    @Override
                    public void onError(Throwable failure) {
                        events.completeExceptionally(failure);
                    }

                    @Override
                    public void onComplete() {
                        events.complete(found);
                    }
                });
        List<ChatModelStreamingEvent> found = events.get(1, TimeUnit.MINUTES);
        StringBuilder text = new StringBuilder();
        found.forEach(event -> text.append(event instanceof PartialResponse part ? part.text() : ""));
        assertThat(text.toString()).isEqualTo(whole("flow"));
        assertThat(found.getLast()).isInstanceOfSatisfying(CompleteResponse.class,
                last -> assertThat(last.chatResponse().aiMessage().text()).isEqualTo(whole("flow")));
    }

    @Test
    void aSubscriberThatCancelsEndsTheWork() throws Exception {
        long before = shared.report().cancelled();
        builder().maxTokens(100_000).build().chat(ChatRequest.builder().messages(UserMessage.from("flow")).build())
                .subscribe(new Flow.Subscriber<>() {
                    private final CompletableFuture<Flow.Subscription> subscription = new CompletableFuture<>();

                    @Override
                    public void onSubscribe(Flow.Subscription given) {
                        subscription.complete(given);
                        given.request(1);
                    }

                    @Override
                    public void onNext(ChatModelStreamingEvent event) {
                        subscription.join().cancel();
                    }

                    @Override
                    public void onError(Throwable failure) {
                        throw new AssertionError(failure);
                    }

                    @Override
                    public void onComplete() {
                        throw new AssertionError("it was cancelled");
                    }
                });
        awaitCancelled(before);
    }

    interface Assistant {
        TokenStream answer(String question);
    }

    @Test
    void servesAiServices() throws Exception {
        CompletableFuture<ChatResponse> response = new CompletableFuture<>();
        StringBuffer text = new StringBuffer();
        AiServices.create(Assistant.class, builder().build()).answer("stream").onPartialResponse(text::append)
                .onCompleteResponse(response::complete).onError(response::completeExceptionally).start();
        assertThat(response.get(1, TimeUnit.MINUTES).aiMessage().text()).isEqualTo(text.toString())
                .isEqualTo(whole("stream"));
    }
}
