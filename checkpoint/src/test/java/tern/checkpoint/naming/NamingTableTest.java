package tern.checkpoint.naming;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import tern.checkpoint.naming.Step.Context;
import tern.checkpoint.naming.Step.Numbers;
import tern.mixers.rwkv.Rwkv4Config;
import tern.mixers.rwkv.Rwkv5Config;
import tern.mixers.rwkv.Rwkv6Config;
import tern.mixers.rwkv.Rwkv7Config;
import tern.mixers.rwkv.RwkvChannelMixConfig;
import tern.model.NormKind;
import tern.model.Parameters;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.sequence.MixerConfig;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.tensor.Tensor;

class NamingTableTest {
    private static NamingTable parse(String text) {
        return NamingTable.parse("test", text, NamingTable.Layers.of(2, 2, Map.of()),
                (word, layer) -> word.equals("later") && layer > 0);
    }

    @Test
    void linesAreFilledInForEveryLayer() {
        NamingTable table = parse("""
                # a comment
                head.weight                  out.weight   as-is
                branches.{time}.mixer.key    b{i}.k       flatten one-minus
                [later]branches.{channel}.x  b{n}.x       part:2 transpose
                [never]branches.{channel}.y  b{n}.y       as-is
                -                            b{i}.old     ignored
                """);
        assertThat(table.all().stream().map(naming -> naming.ours().orElseThrow() + "=" + naming.theirs()))
                .containsExactly("head.weight=out.weight", "branches.0.mixer.key=b0.k", "branches.2.mixer.key=b1.k",
                        "branches.3.x=b2.x");
        assertThat(table.find("branches.2.mixer.key").orElseThrow().layer()).isEqualTo(1);
        assertThat(table.ignored()).containsExactly("b0.old", "b1.old");
        assertThat(table.find("nothing")).isEmpty();
        assertThatIllegalArgumentException().isThrownBy(() -> parse("a b as-is\na c as-is"))
                .withMessageContaining("line 2").withMessageContaining("second time");
        assertThatIllegalArgumentException().isThrownBy(() -> parse("a b upside-down"))
                .withMessageContaining("upside-down");
        assertThatIllegalArgumentException().isThrownBy(() -> parse("a b")).withMessageContaining("expected our name");
    }

    @ParameterizedTest
    @CsvSource({"rwkv4, 4", "rwkv4-cpp, 4", "rwkv4-hf, 4", "rwkv5, 5", "rwkv5-cpp, 5", "rwkv5-hf, 5", "rwkv6, 6",
        "rwkv6-cpp, 6", "rwkv6-flash, 6", "rwkv6-gguf, 6", "rwkv6-hf, 6", "rwkv7, 7", "rwkv7-cpp, 7", "rwkv7-gguf, 7",
        "rwkv7-hf, 7"})
    void everyTableCoversEveryParameterOnce(String name, int version) {
        List<MixerConfig> branches = IntStream.range(0, 3).boxed().<MixerConfig>mapMulti((layer, each) -> {
            each.accept(switch (version) {
                case 4 -> new Rwkv4Config();
                case 5 -> Rwkv5Config.of(4);
                case 6 -> Rwkv6Config.of(4);
                default -> new Rwkv7Config(4, 1, 1, 1, 1, layer == 0, 64e-5);
            });
            each.accept(new RwkvChannelMixConfig(8, version != 7));
        }).toList();
        StackConfig config = new StackConfig(8, 8, 8, NormKind.LAYER, 1e-5, Optional.empty(),
                Optional.of(NormKind.LAYER), false, branches);
        List<String> parameters = new Stack(config, Parameters.Source.shapesOnly()).parameters().all().stream()
                .map(Parameters.Parameter::name).toList();
        NamingTable table = NamingTable.read(name, 3, 2, (word, layer) -> switch (word) {
            case "later" -> layer > 0;
            case "first" -> version == 7 && layer == 0;
            case "apart" -> false;
            default -> true;
        });
        assertThat(table.all().stream().map(naming -> naming.ours().orElseThrow()))
                .containsExactlyInAnyOrderElementsOf(parameters);
        // A stored tensor makes one parameter, or each of its parts makes one, from the first on.
        for (String stored : table.stored()) {
            List<Naming> users = table.all().stream().filter(naming -> naming.theirs().equals(stored)).toList();
            List<Integer> parts = users.stream().flatMap(naming -> naming.steps().stream())
                    .flatMap(step -> step instanceof Step.Part(int index) ? Stream.of(index)
                            : step instanceof Step.Columns(int index, int all) && all == users.size()
                                    ? Stream.of(index)
                            : Stream.empty())
                    .sorted().toList();
            if (parts.isEmpty()) {
                assertThat(users).as(stored).hasSize(1);
            } else {
                assertThat(parts).as(stored).isEqualTo(IntStream.range(0, users.size()).boxed().toList());
            }
        }
    }

    @Test
    void expertsAndWordsAreFilledIn() {
        NamingTable table = NamingTable.parse("test", """
                b.{time}.{e}.w  {root}l{i}.w        part:{e} rows:0:{rows}
                -               {root}picture.*     ignored
                """, NamingTable.Layers.of(2, 2, Map.of("root", "m.", "rows", "5")).withExperts(2),
                (word, layer) -> true);
        assertThat(table.all().stream().map(naming -> naming.ours().orElseThrow() + "=" + naming.theirs()))
                .containsExactly("b.0.0.w=m.l0.w", "b.0.1.w=m.l0.w", "b.2.0.w=m.l1.w", "b.2.1.w=m.l1.w");
        assertThat(table.find("b.2.1.w").orElseThrow().steps()).containsExactly(new Step.Part(1), new Step.Rows(0, 5));
        assertThat(table.ignores("m.picture.weight")).isTrue();
        assertThat(table.ignores("m.pictures")).isFalse();
    }

    /** Rows that are moved stay as they are stored; neighbours are not even copied. */
    @Test
    void rowsKeepTheirType() {
        try (Memory memory = new Memory()) {
            Tensor stored = memory.zeros(DType.BF16, 8, 2);
            for (int i = 0; i < 16; i++) {
                stored.set(i, i);
            }
            Tensor moved = new Step.Ungroup(2, List.of(1, 3), 0, 2).moved(stored, memory);
            assertThat(moved.dtype()).isEqualTo(DType.BF16);
            assertThat(moved.toDoubles()).containsExactly(0, 1, 8, 9, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15);
            Tensor part = new Step.Rows(2, 4).moved(stored, memory);
            part.set(0, 100);
            assertThat(stored.get(4)).isEqualTo(100);
        }
    }

    private static double[] apply(Numbers numbers, int[] wanted, String... words) {
        Context context = new Context(wanted, 4, name -> name.equals("w")
                ? new Numbers(new int[] {2, 3}, new double[] {1, 2, 0, 0, 1, 5})
                : new Numbers(new int[] {2}, new double[] {7, -3}));
        Numbers found = numbers;
        for (String word : words) {
            found = Step.named(word).apply(found, context);
        }
        assertThat(found.shape()).isEqualTo(wanted);
        return found.values();
    }

    @Test
    void stepsByHand() {
        Numbers six = new Numbers(new int[] {2, 3}, new double[] {1, 2, 3, 4, 5, 6});
        assertThat(apply(six, new int[] {3, 2}, "transpose")).containsExactly(1, 4, 2, 5, 3, 6);
        assertThat(apply(six, new int[] {3}, "part:1")).containsExactly(4, 5, 6);
        assertThat(apply(six, new int[] {6}, "flatten", "one-minus")).containsExactly(0, -1, -2, -3, -4, -5);
        assertThat(apply(new Numbers(new int[] {2, 1}, new double[] {1, 2}), new int[] {2, 2}, "spread"))
                .containsExactly(1, 1, 2, 2);
        assertThat(apply(new Numbers(new int[] {1}, new double[] {-8}), new int[] {1}, "negate", "log", "exp",
                "rescale")[0]).isCloseTo(32, within(1e-12));
        assertThat(apply(six, new int[] {1, 3}, "rows:1:2", "times:2")).containsExactly(8, 10, 12);
        assertThat(apply(six, new int[] {2, 3}, "times-each:2,-1:1,1", "plus-one")).containsExactly(3, 5, 7, -3, -4,
                -5);
        assertThat(apply(six.as(6), new int[] {4}, "ungroup:2:1,2:1:2")).containsExactly(2, 3, 5, 6);
        assertThat(apply(six.as(3, 2), new int[] {3, 2}, "blocks:2,0,1")).containsExactly(5, 6, 1, 2, 3, 4);
        assertThat(apply(six.as(2, 3), new int[] {2, 1}, "columns:2:3")).containsExactly(3, 6);
        Numbers pole = new Numbers(new int[] {1, 2}, new double[] {0, -0.5});
        assertThat(apply(pole, new int[] {1}, "pole-decay")[0]).isCloseTo(Math.log(Math.log(2)), within(1e-12));
        assertThat(apply(pole, new int[] {1}, "pole-phase")[0]).isCloseTo(-Math.PI / 2, within(1e-12));
        // "b" holds 7 − 3i: i·(7 − 3i) = 3 + 7i.
        assertThat(apply(new Numbers(new int[] {2}, new double[] {0, 1}), new int[] {1}, "residue-real:b"))
                .containsExactly(3);
        assertThat(apply(new Numbers(new int[] {2}, new double[] {0, 1}), new int[] {1}, "residue-imaginary:b"))
                .containsExactly(7);
        assertThat(apply(new Numbers(new int[] {1}, new double[] {0.5}), new int[] {1}, "pass-through:b"))
                .containsExactly(7.5);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> apply(new Numbers(new int[] {2}, new double[] {1, 1}), new int[] {1}, "pole-decay"))
                .withMessageContaining("pole 0 is 1.0 + 1.0i, outside the unit circle");
        double[] moved = apply(new Numbers(new int[] {3}, new double[] {1, 1, 1}), new int[] {3}, "absorb:w:b");
        // w·(moved − 1) = b, the change in the span of w's rows.
        assertThat(moved[0] - 1 + 2 * (moved[1] - 1)).isCloseTo(7, within(1e-12));
        assertThat(moved[1] - 1 + 5 * (moved[2] - 1)).isCloseTo(-3, within(1e-12));
        assertThat((moved[0] - 1) * 10 - (moved[1] - 1) * 5 + (moved[2] - 1)).isCloseTo(0, within(1e-12));
    }
}
