package tern.model;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

import tern.mixers.NearestName;
import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.HyenaConfig;
import tern.mixers.hyena.ImplicitFilterConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.ops.Activation;
import tern.sequence.MixerConfig;

/**
 * Architectures by name, family and size: {@code transformer-tiny}, {@code hyena-base} … Byte vocabulary, RMS norms, tied
 * head; every layer is a sequence mixer and a SwiGLU of 8/3 the width, so that models of one size have nearly equal numbers
 * of parameters in every family.
 */
public final class Presets {
    private static final Map<String, StackConfig> ALL = new LinkedHashMap<>();

    /** A size: nano about 0.3 million parameters, tiny 1, small 10, base 100. */
    private enum Size {
        NANO(64, 6, 256, 2, 4, ImplicitFilterConfig.small()), TINY(128, 5, 512, 4, 4,
                ImplicitFilterConfig.small()), SMALL(256, 12, 1024, 4, 8,
                        ImplicitFilterConfig.published()), BASE(768, 14, 1024, 12, 8, ImplicitFilterConfig.published());

        private final int width;
        private final int layers;
        private final int context;
        private final int heads;
        private final int headWidth;
        private final ImplicitFilterConfig filter;

        Size(int width, int layers, int context, int heads, int headWidth, ImplicitFilterConfig filter) {
            this.width = width;
            this.layers = layers;
            this.context = context;
            this.heads = heads;
            this.headWidth = headWidth;
            this.filter = filter;
        }
    }

    static {
        for (Size size : Size.values()) {
            put("transformer", size, AttentionConfig.of(size.heads));
            put("hyena", size, HyenaConfig.of(2, size.filter));
            put("multihyena", size, MultiHyenaConfig.of(size.headWidth, size.filter));
            put("modal", size, ModalRecurrenceConfig.of(2, size.headWidth, 3, List.of(8), List.of(0)));
        }
    }

    private Presets() {
    }

    private static void put(String family, Size size, MixerConfig sequenceMixer) {
        // A gated layer has three matrices; 8/3 of the width makes them as large as two of four times the width.
        int inner = (size.width * 8 / 3 + 15) / 16 * 16;
        List<MixerConfig> branches = new ArrayList<>();
        for (int layer = 0; layer < size.layers; layer++) {
            branches.add(sequenceMixer);
            branches.add(GatedMlpConfig.gated(inner, Activation.SILU));
        }
        ALL.put(family + "-" + size.name().toLowerCase(Locale.ROOT),
                StackConfig.of(size.width, size.context, branches));
    }

    /** All names, family by family within a size. */
    public static Set<String> names() {
        return Collections.unmodifiableSet(ALL.keySet());
    }

    /**
     * The architecture of this name.
     *
     * @throws IllegalArgumentException if there is none; names the nearest
     */
    public static StackConfig named(String name) {
        StackConfig config = ALL.get(name);
        if (config == null) {
            throw new IllegalArgumentException(
                    "unknown preset \"" + name + "\"; " + NearestName.advice(name, ALL.keySet()));
        }
        return config;
    }
}
