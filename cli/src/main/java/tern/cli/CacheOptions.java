package tern.cli;

import java.util.Locale;

import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

import tern.inference.LanguageModel;
import tern.mixers.goldfinch.CacheTier;
import tern.mixers.goldfinch.CacheType;
import tern.mixers.goldfinch.GoldCache;
import tern.model.GoldCaches;

/** How a model with GOLD layers remembers, for every command that runs one; other models have no choice. */
final class CacheOptions {
    @Option(names = "--cache", paramLabel = "TIER", description = "What GOLD layers keep: compressed (tokens and D/16 numbers), keys (proto-keys), full (keys and values of each layer), or auto for the fastest that fits (auto).")
    private @Nullable String tier;

    @Option(names = "--cache-memory", paramLabel = "SIZE", description = "What auto may take for the state of a sequence, such as 300000, 64KiB, 1.5GiB or 2GB; by default as much as the Java heap may grow to.")
    private @Nullable String memory;

    @Option(names = "--cache-type", paramLabel = "TYPE", description = "How the cache is stored: f32, bf16 or int8, which round (f32).")
    private @Nullable String type;

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
        CacheType stored = parsed(CacheType.class, "--cache-type", type == null ? "f32" : type, "");
        long allowed = memory == null ? Runtime.getRuntime().maxMemory() : ByteSize.parse("--cache-memory", memory);
        if (tier == null || tier.equals("auto")) {
            try {
                return model.remembering(
                        GoldCaches.fitting(model.network().config(), stored, allowed, positions));
            } catch (IllegalArgumentException tooLarge) {
                throw new UserError("--cache-memory: " + tooLarge.getMessage(), tooLarge);
            }
        }
        GoldCache cache = new GoldCache(parsed(CacheTier.class, "--cache", tier, ", auto"), stored);
        long needed = GoldCaches.bytes(model.network().config(), cache, positions);
        if (memory != null && needed > allowed) {
            throw new UserError(
                    "--cache-memory is %,d, but %,d positions need %,d bytes with --cache %s; allow more or take --cache auto"
                            .formatted(allowed, positions, needed, tier));
        }
        return model.remembering(cache);
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
