package tern.serve.clients;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

import tern.inference.Engine;
import tern.inference.LanguageModel;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.serve.TernServer;
import tern.serve.http.ApiKeys;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;

/** A server with a tiny model of random weights that asks for a key. */
final class Running implements AutoCloseable {
    static final String KEY = "sk-tern";
    private final Memory memory = new Memory();
    private final Engine engine = Engine.steady(2);
    private final LanguageModel model;
    final TernServer server;

    Running() throws IOException {
        Stack stack = new Stack(Presets.named("rwkv7-nano"), Parameters.Source.initialised(7, DType.F32, memory));
        model = new LanguageModel(stack, ByteTokenizer.ALL, "0123456789abcdef", engine);
        server = TernServer.start(TernServer.Options.local(0).withKeys(new ApiKeys(List.of(KEY))),
                Map.of("tiny", model));
    }

    String url() {
        return "http://127.0.0.1:" + server.port() + "/v1";
    }

    /** Waits until no stream runs; false if one still does after this time. */
    boolean isIdleWithin(Duration time) throws InterruptedException {
        long until = System.nanoTime() + time.toNanos();
        while (System.nanoTime() - until < 0) {
            if (server.models().all().iterator().next().batcher().report().streams() == 0) {
                return true;
            }
            Thread.sleep(5);
        }
        return false;
    }

    @Override
    public void close() {
        server.close();
        model.close();
        engine.close();
        memory.close();
    }
}
