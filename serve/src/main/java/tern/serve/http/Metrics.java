package tern.serve.http;

import java.time.Duration;
import java.util.Map;
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
        registry.timer("tern.requests", "group", group, "status", Integer.toString(status)).record(nanos,
                TimeUnit.NANOSECONDS);
    }

    /** Watches a model. */
    void watch(Served served) {
        String name = served.name();
        Batcher batcher = served.batcher();
        Gauge.builder("tern.sessions", served.sessions(), SessionStore::count).tag("model", name).register(registry);
        Gauge.builder("tern.sessions.bytes", served.sessions(), SessionStore::bytesInMemory).tag("model", name)
                .register(registry);
        Map<String, ToDoubleFunction<Batcher.Report>> counters = Map.of(
                "tern.prompt.tokens.read", Batcher.Report::tokensRead,
                "tern.prompt.tokens.cached", Batcher.Report::tokensCached,
                "tern.tokens.generated", Batcher.Report::tokensMade,
                "tern.steps", Batcher.Report::steps,
                "tern.jobs.refused", Batcher.Report::refused,
                "tern.jobs.cancelled", Batcher.Report::cancelled);
        counters.forEach((meter, value) -> FunctionCounter
                .builder(meter, batcher, it -> value.applyAsDouble(it.report())).tag("model", name).register(registry));
        Map<String, ToDoubleFunction<Batcher.Report>> gauges = Map.of(
                "tern.streams", Batcher.Report::streams,
                "tern.prompts.reading", Batcher.Report::readings,
                "tern.jobs.waiting", Batcher.Report::waiting,
                "tern.streams.bytes", Batcher.Report::laneBytes);
        gauges.forEach((meter, value) -> Gauge.builder(meter, batcher, it -> value.applyAsDouble(it.report()))
                .tag("model", name).register(registry));
        Map<String, ToDoubleFunction<StateTree.Report>> states = Map.of(
                "tern.states", StateTree.Report::states,
                "tern.states.bytes", StateTree.Report::bytes,
                "tern.states.disk", StateTree.Report::statesOnDisk,
                "tern.states.disk.bytes", StateTree.Report::bytesOnDisk);
        states.forEach((meter, value) -> Gauge
                .builder(meter, batcher.tree(), it -> value.applyAsDouble(it.report())).tag("model", name)
                .register(registry));
        Map<String, ToDoubleFunction<StateTree.Report>> uses = Map.of(
                "tern.states.hits", StateTree.Report::hits,
                "tern.states.misses", StateTree.Report::misses,
                "tern.states.evicted", StateTree.Report::evictions);
        uses.forEach((meter, value) -> FunctionCounter
                .builder(meter, batcher.tree(), it -> value.applyAsDouble(it.report())).tag("model", name)
                .register(registry));
    }

    void gauge(String name, String description, java.util.function.Supplier<Number> value) {
        Gauge.builder(name, value).description(description).register(registry);
    }

    String scrape() {
        return registry.scrape();
    }
}
