package tern.mixers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.List;
import java.util.Optional;

import org.junit.jupiter.api.Test;

import tern.mixers.attention.AttentionConfig;
import tern.mixers.hyena.MultiHyenaConfig;
import tern.sequence.BranchContext;
import tern.sequence.MixerConfig;
import tern.sequence.ParameterScope;
import tern.sequence.SequenceMixer;

class MixerCatalogTest {
    private record Stranger() implements MixerConfig {
        @Override
        public SequenceMixer build(BranchContext at, ParameterScope scope) {
            throw new IllegalStateException("never built");
        }
    }

    @Test
    void everyKindIsARecordOfNumbersFlagsEnumsListsAndRecords() {
        assertThat(MixerCatalog.kinds()).startsWith("attention", "hyena", "multihyena", "modal").contains("rwkv7",
                "mlp");
        for (String kind : MixerCatalog.kinds()) {
            assertThat(MixerCatalog.config(kind).isRecord()).as(kind).isTrue();
            assertThat(MixerCatalog.config(kind).getRecordComponents()).as(kind).allMatch(component -> {
                Class<?> type = component.getType();
                return type == int.class || type == double.class || type == boolean.class || type == List.class
                        || type.isEnum()
                        || type.isRecord() || type == MixerConfig.class || type == Optional.class;
            });
        }
    }

    @Test
    void namesAndRecordsBelongTogether() {
        assertThat(MixerCatalog.config("multihyena")).isEqualTo(MultiHyenaConfig.class);
        assertThat(MixerCatalog.kind(AttentionConfig.of(2))).isEqualTo("attention");
    }

    @Test
    void anUnknownKindNamesTheNearest() {
        assertThatIllegalArgumentException().isThrownBy(() -> MixerCatalog.config("multihiena")).withMessage(
                "unknown kind of mixer \"multihiena\"; did you mean \"multihyena\"? known are "
                        + String.join(", ", MixerCatalog.kinds()));
        assertThatIllegalArgumentException().isThrownBy(() -> MixerCatalog.config("xyzzy-42")).withMessage(
                "unknown kind of mixer \"xyzzy-42\"; known are " + String.join(", ", MixerCatalog.kinds()));
    }

    @Test
    void aConfigThatIsNotListedSaysWhereToAddIt() {
        assertThatIllegalArgumentException().isThrownBy(() -> MixerCatalog.kind(new Stranger())).withMessageContaining(
                "add one line to MixerCatalog");
    }

    @Test
    void theDistanceIsThatOfLevenshtein() {
        assertThat(NearestName.distance("kitten", "sitting")).isEqualTo(3);
        assertThat(NearestName.distance("", "abc")).isEqualTo(3);
        assertThat(NearestName.distance("same", "same")).isZero();
    }
}
