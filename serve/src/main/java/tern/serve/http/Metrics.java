package tern.serve.http;

import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.ToDoubleFunction;

import io.micrometer.core.instrument.FunctionCounter;
import io.micrometer.core.instrument.Gauge;
import io.micrometer.core.instrument.Timer;
import io.micrometer.prometheusmetrics.PrometheusConfig;
import io.micrometer.prometheusmetrics.PrometheusMeterRegistry;

import tern.host.engine.Batcher;
import tern.host.engine.StateTree;
import tern.kernels.KernelSet;
import tern.serve.sessions.SessionStore;

/** What {@code /metrics} tells. Safe for use by several threads. */
final class Metrics {
    private final PrometheusMeterRegistry registry = new PrometheusMeterRegistry(PrometheusConfig.DEFAULT);
    private final Timer firstToken;
    private final Timer nextToken;

    Metrics() {
        firstToken = Timer.builder("tern.first.token").description("Time from a request to its first token")
                .serviceLevelObjectives(buckets(1, 5, 10, 50, 100, 500, 1000, 5000, 20_000)).register(registry);
        nextToken = Timer.builder("tern.next.token").description("Time between tokens of a stream")
                .serviceLevelObjectives(buckets(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)).register(registry);
        Gauge.builder("tern.kernels.vector", () -> KernelSet.whyNotVector().isEmpty() ? 1 : 0)
                .description("1 if the vector kernels are in use, 0 if only the plain ones").register(registry);
        Runtime runtime = Runtime.getRuntime();
        Gauge.builder("tern.heap.bytes", () -> runtime.totalMemory() - runtime.freeMemory())
                .description("Java heap in use").register(registry);
    }

    private static Duration[] buckets(long... milliseconds) {
        Duration[] buckets = new Duration[milliseconds.length];
        for (int i = 0; i < buckets.length; i++) {
            buckets[i] = Duration.ofMillis(milliseconds[i]);
        }
        return buckets;
    }

    void firstToken(long nanos) {
        firstToken.record(nanos, TimeUnit.NANOSECONDS);
    }

    void nextToken(long nanos) {
        nextToken.record(nanos, TimeUnit.NANOSECONDS);
    }

    /** A request was answered; {@code group} is one of few words, never an address that somebody sent. */
    void answered(String group, int status, long nanos) {
        Timer.builder("tern.requests").description("Requests answered, by kind and status")
                .tags("group", group, "status", Integer.toString(status)).register(registry)
                .record(nanos, TimeUnit.NANOSECONDS);
    }

    /** Watches a model. */
    void watch(Served served) {
        String name = served.name();
        Batcher batcher = served.batcher();
        SessionStore sessions = served.sessions();
        gauge(name, "tern.sessions", "Sessions", sessions, SessionStore::count);
        gauge(name, "tern.sessions.bytes", "Memory of sessions, in bytes", sessions, SessionStore::bytesInMemory);
        counter(name, "tern.prompt.tokens.read", "Tokens of prompts that were read", batcher,
                it -> it.report().tokensRead());
        counter(name, "tern.prompt.tokens.cached", "Tokens of prompts that were known from a state", batcher,
                it -> it.report().tokensCached());
        counter(name, "tern.tokens.generated", "Tokens generated", batcher, it -> it.report().tokensMade());
        counter(name, "tern.steps", "Steps of all streams together", batcher, it -> it.report().steps());
        counter(name, "tern.jobs.refused", "Jobs that were refused", batcher, it -> it.report().refused());
        counter(name, "tern.jobs.cancelled", "Jobs whose client went away", batcher, it -> it.report().cancelled());
        gauge(name, "tern.streams", "Streams that run", batcher, it -> it.report().streams());
        gauge(name, "tern.prompts.reading", "Prompts that are being read", batcher, it -> it.report().readings());
        gauge(name, "tern.jobs.waiting", "Jobs that wait", batcher, it -> it.report().waiting());
        gauge(name, "tern.streams.bytes", "Memory of streams that run, in bytes", batcher,
                it -> it.report().laneBytes());
        StateTree tree = batcher.tree();
        gauge(name, "tern.states", "States of prompts in memory", tree, it -> it.report().states());
        gauge(name, "tern.states.bytes", "Memory of states of prompts, in bytes", tree, it -> it.report().bytes());
        gauge(name, "tern.states.disk", "States of prompts on disk", tree, it -> it.report().statesOnDisk());
        gauge(name, "tern.states.disk.bytes", "Disk of states of prompts, in bytes", tree,
                it -> it.report().bytesOnDisk());
        counter(name, "tern.states.hits", "Prompts that went on from a state", tree, it -> it.report().hits());
        counter(name, "tern.states.misses", "Prompts that were read from the beginning", tree,
                it -> it.report().misses());
        counter(name, "tern.states.evicted", "States of prompts that left memory", tree,
                it -> it.report().evictions());
    }

    private <T> void gauge(String model, String name, String description, T of, ToDoubleFunction<T> value) {
        Gauge.builder(name, of, value).description(description).tag("model", model).register(registry);
    }

    private <T> void counter(String model, String name, String description, T of, ToDoubleFunction<T> value) {
        FunctionCounter.builder(name, of, value).description(description).tag("model", model).register(registry);
    }

    void gauge(String name, String description, java.util.function.Supplier<Number> value) {
        Gauge.builder(name, value).description(description).register(registry);
    }

    String scrape() {
        return registry.scrape();
    }
}
