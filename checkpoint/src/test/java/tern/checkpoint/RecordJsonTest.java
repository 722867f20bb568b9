package tern.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.channel.GatedMlpConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.mixers.linear.FeatureMapConfig;
import tern.mixers.linear.LinearAttentionConfig;
import tern.mixers.mega.MegalodonConfig;
import tern.mixers.modal.ModalRecurrenceConfig;
import tern.model.NormKind;
import tern.model.Presets;
import tern.model.StackConfig;
import tern.ops.Activation;

class RecordJsonTest {
    static List<String> presets() {
        return List.copyOf(Presets.names());
    }

    @ParameterizedTest
    @MethodSource("presets")
    void everyPresetIsReadBackAsItWas(String preset) {
        StackConfig config = Presets.named(preset);
        assertThat(RecordJson.read(StackConfig.class, RecordJson.write(config), "json")).isEqualTo(config);
        assertThat(RecordJson.read(StackConfig.class, RecordJson.line(config), "json")).isEqualTo(config);
    }

    @Test
    void aConfigIsPlainJson() {
        StackConfig config = StackConfig.of(8, 16, List.of(AttentionConfig.of(2),
                ModalRecurrenceConfig.of(2, 2, 3, List.of(1, 2, 3, 4), List.of(0))));
        assertThat(RecordJson.line(config)).isEqualTo("{\"vocabulary\":256,\"width\":8,\"context\":16,\"norm\":\"rms\","
                + "\"epsilon\":1.0E-5,\"tiedHead\":true,\"branches\":["
                + "{\"kind\":\"attention\",\"heads\":2,\"keyHeads\":2,\"ropeBase\":10000.0,\"bias\":false},"
                + "{\"kind\":\"modal\",\"order\":2,\"headWidth\":2,\"shortFilter\":3,\"pairs\":[1,2,3,4],\"reals\":[0],"
                + "\"smallestRadius\":0.5,\"largestRadius\":0.99}]}");
    }

    /** Components of every kind that a record may have. */
    public record Everything(int number, long large, float single, double exact, boolean truth, String text,
            NormKind constant, List<Integer> list, Map<String, Double> map, Optional<String> absent,
            Optional<Activation> present) {
    }

    @Test
    void everyKindOfComponentIsReadBack() {
        Everything value = new Everything(-3, 1L << 60, 0.1f, 1e-300, true, "ß \"\n", NormKind.LAYER, List.of(1, 2),
                Map.of("a", 0.5), Optional.empty(), Optional.of(Activation.GELU));
        assertThat(RecordJson.read(Everything.class, RecordJson.write(value), "json")).isEqualTo(value);
        assertThat(RecordJson.line(value)).doesNotContain("absent").contains("\"present\":\"gelu\"");
        assertThat(RecordJson.with(value, List.of("absent=here", "map.a=2", "list.1=7", "text=a=b", "truth=false",
                "present=silu"))).isEqualTo(new Everything(-3, 1L << 60, 0.1f, 1e-300, false, "a=b", NormKind.LAYER,
                        List.of(1, 7), Map.of("a", 2.0), Optional.of("here"), Optional.of(Activation.SILU)));
    }

    private static final String MLP = "{\"kind\":\"mlp\",\"inner\":8,\"activation\":\"silu\",\"gated\":true,\"bias\":false}";

    private static String stack(String branch) {
        return "{\"vocabulary\":256,\"width\":8,\"context\":16,\"norm\":\"rms\",\"epsilon\":1e-5,\"tiedHead\":true,"
                + "\"branches\":[" + MLP + "," + branch + "]}";
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
        "{\"kind\":\"mlp\",\"iner\":8} | x.json: branches[1]: unknown key \"iner\"; did you mean \"inner\"?",
        "{\"kind\":\"mpl\",\"inner\":8} | x.json: branches[1]: unknown kind of mixer \"mpl\"; did you mean \"mlp\"?",
        "{\"inner\":8} | x.json: branches[1]: \"kind\" is missing, expected one of [attention",
        "{\"kind\":\"mlp\",\"inner\":8} | x.json: branches[1]: \"activation\" is missing",
        "7 | x.json: branches[1]: expected an object, found 7",
        "{\"kind\":\"mlp\",\"inner\":0,\"activation\":\"silu\",\"gated\":true,\"bias\":false} | x.json: branches[1]: mlp: inner is 0",
        "{\"kind\":\"mlp\",\"inner\":1.5,\"activation\":\"silu\",\"gated\":true,\"bias\":false} | x.json: branches[1].inner: expected a whole number, found 1.5",
        "{\"kind\":\"mlp\",\"inner\":99999999999,\"activation\":\"silu\",\"gated\":true,\"bias\":false} | x.json: branches[1].inner: expected a whole number",
        "{\"kind\":\"mlp\",\"inner\":8,\"activation\":\"sliu\",\"gated\":true,\"bias\":false} | x.json: branches[1].activation: unknown value \"sliu\"; did you mean \"silu\"?",
        "{\"kind\":\"mlp\",\"inner\":8,\"activation\":\"silu\",\"gated\":1,\"bias\":false} | x.json: branches[1].gated: expected true or false, found 1",
        "{\"kind\":\"mlp\",\"inner\":8,\"inner\":9} | x.json is not valid JSON: Duplicate"})
    void complaintsNameThePlace(String branch, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordJson.read(StackConfig.class, stack(branch), "x.json"))
                .withMessageStartingWith(message).withMessageNotContaining("\n");
    }

    @Test
    void whatIsNotAnObjectIsRefused() {
        for (String text : List.of("", "[]", "7", "null", "{", "{}x", "{} {}")) {
            assertThatIllegalArgumentException().as(text)
                    .isThrownBy(() -> RecordJson.read(StackConfig.class, text, "x.json"))
                    .withMessageStartingWith("x.json");
        }
        String deep = "[".repeat(100_000);
        assertThatIllegalArgumentException().isThrownBy(() -> RecordJson.read(StackConfig.class, deep, "x.json"))
                .withMessageStartingWith("x.json is not valid JSON");
    }

    @Test
    void settingsChangeAConfig() {
        StackConfig config = Presets.named("multihyena-nano");
        StackConfig changed = RecordJson.with(config,
                List.of("context=32", "norm=layer", "branches.0.headWidth=8", "branches.*.inner=24",
                        "branches.*.filter.features=9", "tiedHead=false", "epsilon=1e-6"));
        assertThat(changed.context()).isEqualTo(32);
        assertThat(changed.norm()).isEqualTo(NormKind.LAYER);
        assertThat(changed.tiedHead()).isFalse();
        assertThat(changed.epsilon()).isEqualTo(1e-6);
        assertThat(((MultiHyenaConfig) changed.branches().get(0)).headWidth()).isEqualTo(8);
        assertThat(((MultiHyenaConfig) changed.branches().get(2)).headWidth()).isEqualTo(4);
        assertThat(changed.branches().stream().filter(MultiHyenaConfig.class::isInstance)
                .map(branch -> ((MultiHyenaConfig) branch).filter().features())).hasSize(6).containsOnly(9);
        assertThat(changed.branches().stream().filter(GatedMlpConfig.class::isInstance)
                .map(branch -> ((GatedMlpConfig) branch).inner())).hasSize(6).containsOnly(24);
        assertThat(RecordJson.with(config, List.of())).isEqualTo(config);
        StackConfig replaced = RecordJson.with(config, List.of("branches.1=" + MLP));
        assertThat(replaced.branches().get(1)).isEqualTo(GatedMlpConfig.gated(8, Activation.SILU));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', value = {
        "widht=3 | setting widht=3: unknown key \"widht\"; did you mean \"width\"?",
        "width | setting \"width\" is not understood, expected key=value",
        "=3 | setting \"=3\" is not understood",
        "width=wide | setting width=wide: width: expected a whole number, found \"wide\"",
        "width=0 | setting width=0: stack: width is 0, expected 1 or more",
        "width.x=0 | setting width.x=0: there is nothing called \"x\" inside a single value",
        "branches.99.inner=1 | setting branches.99.inner=1: there is no entry 99, expected 0 to 11 or *",
        "branches.x.inner=1 | setting branches.x.inner=1: \"x\" is not an entry of a list",
        "branches.0.iner=1 | setting branches.0.iner=1: unknown key \"iner\"; known are kind, headWidth",
        "branches.*.nowhere=1 | setting branches.*.nowhere=1: no entry has this key; known are ",
        "branches.*.shortFiltre=1 | setting branches.*.shortFiltre=1: no entry has this key; did you mean \"shortFilter\"?",
        "branches.*.features=9 | setting branches.*.features=9: no entry has this key, it lies deeper; did you mean \"branches.*.filter.features\"?",
        "branches.1.kind=attention | setting branches.1.kind=attention: of another kind everything else is other, too; set the whole, such as …={\"kind\":\"attention\", …}",
        "branches.*.kind=mlp | setting branches.*.kind=mlp: of another kind everything else",
        "branches.0.filter.kind=mlp | setting branches.0.filter.kind=mlp: unknown key \"kind\"; known are ",
        "branches.1.inner=-4 | setting branches.1.inner=-4: branches[1]: mlp: inner is -4"})
    void impossibleSettingsAreNamed(String setting, String message) {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordJson.with(Presets.named("multihyena-nano"), List.of(setting)))
                .withMessageStartingWith(message);
    }

    /** Signed features have no normaliser: neither setting is possible without the other, and both orders are the same. */
    @Test
    void settingsThatBelongTogetherMayStandInAnyOrder() {
        StackConfig config = Presets.named("linear-attention-nano");
        String features = "branches.*.features.kind=identity";
        String normaliser = "branches.*.normaliser=none";
        StackConfig changed = RecordJson.with(config, List.of(features, "width=96", normaliser));
        assertThat(changed).isEqualTo(RecordJson.with(config, List.of(normaliser, features, "width=96")));
        assertThat(((LinearAttentionConfig) changed.branches().get(2)).features().kind())
                .isEqualTo(FeatureMapConfig.Kind.IDENTITY);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordJson.with(config, List.of("context=32", features, "width=96")))
                .withMessageStartingWith("setting " + features + ": branches[0]: linear-attention: features IDENTITY");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordJson.with(config, List.of(features, normaliser, "branches.*.keyWidth=0")))
                .withMessageStartingWith("setting branches.*.keyWidth=0: branches[0]: linear-attention: keyWidth is 0");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> RecordJson.with(config, List.of(features, "branches.*.normalizer=none")))
                .withMessageContaining("did you mean \"normaliser\"?");
    }

    /** What may be absent is taken away by null; nothing else is. */
    @Test
    void nullTakesAwayWhatMayBeAbsent() {
        StackConfig config = RecordJson.with(Presets.named("megalodon-micro"), List.of("logitCap=30"));
        StackConfig changed = RecordJson.with(config,
                List.of("branches.*.turning=null", "logitCap=null", "embeddingScale=null"));
        assertThat(((MegalodonConfig) config.branches().getFirst()).turning()).isPresent();
        assertThat(((MegalodonConfig) changed.branches().getFirst()).turning()).isEmpty();
        assertThat(changed.logitCap()).isEmpty();
        assertThat(changed.embeddingScale()).isEmpty();
        assertThat(RecordJson.with(changed, List.of("branches.*.turning=null"))).isEqualTo(changed);
        assertThatIllegalArgumentException().isThrownBy(() -> RecordJson.with(config, List.of("width=null")))
                .withMessage("setting width=null: width: expected a whole number, found null");
    }

    @Test
    void aKeyBelongsToTheRecordThatHasIt() {
        assertThat(RecordJson.knows(StackConfig.class, "branches.0.heads")).isTrue();
        assertThat(RecordJson.knows(StackConfig.class, "width=3")).isTrue();
        assertThat(RecordJson.knows(StackConfig.class, "learningRate")).isFalse();
    }
}
