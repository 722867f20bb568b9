package tern.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

import tern.inference.LanguageModel;
import tern.inference.Snapshot;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;

/** How a model with GOLD layers remembers, for every command that runs a sequence, and for servers; other models have no choice. */
final class CacheOptions {
    private static final String AUTO = "auto";

    @Option(names = "--cache", paramLabel = "TIER", description = "What GOLD layers keep: compressed (tokens and D/16 numbers), keys (proto-keys), full (keys and values of each layer), or auto for the fastest that fits (auto).")
    private @Nullable String tier;

    @Option(names = "--cache-memory", paramLabel = "SIZE", description = "What auto may take for the state of a sequence, such as 300000, 64KiB, 1.5GiB or 2GB; by default as much as the Java heap may grow to.")
    private @Nullable String memory;

    @Option(names = "--cache-type", paramLabel = "TYPE", description = "How the cache is stored: f32, bf16 or int8, which round (f32).")
    private @Nullable String type;

    /** {@link #apply(LanguageModel, long)} of a model that goes on from a saved state: auto takes the cache that is in it. */
    LanguageModel apply(LanguageModel model, long positions, Path state) throws IOException {
        boolean chosen = tier != null && !tier.equals(AUTO);
        if (chosen || !GoldCaches.offers(model.network().config())) {
            return apply(model, positions);
        }
        for (CacheType stored : type == null ? CacheType.values() : new CacheType[] {storedAs()}) {
            for (CacheTier kept : CacheTier.values()) {
                LanguageModel remembering = model.remembering(new GoldCache(kept, stored));
                if (Snapshot.fits(state, remembering)) {
                    requireAllowed(remembering, new GoldCache(kept, stored), positions);
                    return remembering;
                }
            }
        }
        return apply(model, positions);
    }

    /**
     * The model, remembering as asked for.
     *
     * @param positions that a sequence will have
     */
    LanguageModel apply(LanguageModel model, long positions) {
        boolean asked = tier != null || memory != null || type != null;
        if (!GoldCaches.offers(model.network().config())) {
            if (asked) {
                throw new UserError("--cache, --cache-memory and --cache-type choose what GOLD layers keep, but this"
                        + " model has none; leave them out");
            }
            return model;
        }
        CacheType stored = storedAs();
        if (tier == null || tier.equals(AUTO)) {
            long allowed = memory == null ? Runtime.getRuntime().maxMemory() : ByteSize.parse("--cache-memory", memory);
            try {
                return model.remembering(
                        GoldCaches.fitting(model.network().config(), stored, allowed, positions));
            } catch (IllegalArgumentException tooLarge) {
                throw new UserError("--cache-memory: " + tooLarge.getMessage(), tooLarge);
            }
        }
        GoldCache cache = new GoldCache(parsed(CacheTier.class, "--cache", tier, ", auto"), stored);
        requireAllowed(model, cache, positions);
        return model.remembering(cache);
    }

    private CacheType storedAs() {
        return storedAs(type);
    }

    private static CacheType storedAs(@Nullable String type) {
        return parsed(CacheType.class, "--cache-type", type == null ? "f32" : type, "");
    }

    /** The cache that the two options of a server choose; none if neither is given. */
    static Optional<GoldCache> chosen(@Nullable String tier, @Nullable String type) {
        return tier == null && type == null ? Optional.empty()
                : Optional.of(new GoldCache(
                        tier == null ? CacheTier.FULL : parsed(CacheTier.class, "--cache", tier, ""),
                        storedAs(type)));
    }

    /** The same models by name, of which those with GOLD layers remember so, if anything was chosen. */
    static Map<String, LanguageModel> remembering(Map<String, LanguageModel> models, Optional<GoldCache> cache) {
        if (cache.isEmpty()) {
            return models;
        }
        Map<String, LanguageModel> remembering = new LinkedHashMap<>();
        models.forEach((name, model) -> remembering.put(name,
                GoldCaches.offers(model.network().config()) ? model.remembering(cache.get()) : model));
        if (remembering.values().stream().noneMatch(model -> GoldCaches.offers(model.network().config()))) {
            throw new UserError("--cache and --cache-type choose what GOLD layers keep, but " + (models.size() == 1
                    ? "this model has none" : "none of these models has any") + "; leave them out");
        }
        return remembering;
    }

    private void requireAllowed(LanguageModel model, GoldCache cache, long positions) {
        if (memory == null) {
            return;
        }
        long allowed = ByteSize.parse("--cache-memory", memory);
        long needed = GoldCaches.bytes(model.network().config(), cache, positions);
        if (needed > allowed) {
            throw new UserError(
                    "--cache-memory is %,d, but %,d positions need %,d bytes with --cache %s; allow more or take --cache auto"
                            .formatted(allowed, positions, needed, cache.tier().name().toLowerCase(Locale.ROOT)));
        }
    }

    private static <E extends Enum<E>> E parsed(Class<E> type, String option, String text, String more) {
        for (E constant : type.getEnumConstants()) {
            if (constant.name().toLowerCase(Locale.ROOT).equals(text)) {
                return constant;
            }
        }
        StringBuilder known = new StringBuilder();
        for (E constant : type.getEnumConstants()) {
            known.append(known.isEmpty() ? "" : ", ").append(constant.name().toLowerCase(Locale.ROOT));
        }
        throw new UserError(option + " is \"" + text + "\", expected " + known + more);
    }
}
