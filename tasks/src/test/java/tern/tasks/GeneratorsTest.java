package tern.tasks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import tern.tasks.synthetic.AddingProblem;
import tern.tasks.synthetic.AssociativeRecall;
import tern.tasks.synthetic.CopyMemory;
import tern.tasks.synthetic.Group;
import tern.tasks.synthetic.InductionHeads;
import tern.tasks.synthetic.Needle;
import tern.tasks.synthetic.Parity;
import tern.tasks.synthetic.Pathfinder;
import tern.tasks.synthetic.QueryRecall;
import tern.tasks.synthetic.SelectiveCopying;
import tern.tasks.synthetic.WordProblem;

/** Drawn tasks keep the rules of their papers, and the laws of every task. */
class GeneratorsTest {
    private static final Path NO_DATA = Path.of("there", "is", "none");

    /** Those whose sets are drawn within a moment. */
    static Stream<String> quick() {
        return TaskCatalog.all().entrySet().stream().filter(entry -> entry.getValue() instanceof Generator small
                && small.positions(small.length()) <= 300 && !(small instanceof Pathfinder)).map(Map.Entry::getKey);
    }

    /**
     * What tables are made of: check sums of five sequences of every drawn task. They are the same on every machine; a change
     * of one makes the tables of its task figures of another task, and must be told with them.
     */
    private static final String DRAWN = """
            recall 4ec4d66f4c2d7765
            recall-10 5a7f43ce0952e12b
            recall-40 5f194246abe74d20
            mqar a7731402f7732b71
            mqar-256 d02e693161fe02a6
            mqar-published-64 799678551c02ee3d
            mqar-published-128 c8d4f9db83cc66db
            mqar-published-256 346e2f804bc5d6b5
            mqar-published-512 ed65339588d20fd3
            induction 8143e51939d81940
            induction-256 4cca06c0aef8176b
            selective-copy ffd97143273de7e0
            selective-copy-mad f3e2494bf4e4a05b
            selective-copy-4096 b4726185505c12fb
            copy-memory 13ff5f1e28d11992
            copy-memory-500 c4306868be9b674e
            copy-memory-1000 bf9368a007e4c910
            copy-memory-2000 9d2f70bd91355616
            adding da5ff3cbad6bb1dc
            adding-600 e29bd14b18b1a7d1
            parity 0afa8fac7c00af54
            group-s3 5275a40c021ad5b5
            group-s5 ebe2e6a564008554
            group-s5-swaps d90d605361b0f798
            group-a5 1da7eed7c248dd42
            group-a4xz5 abc8d9494e01e65b
            group-z60 07e53fba77b3174e
            passkey d34d5cc70e78233e
            passkey-512 1583c79527ad9a8f
            listops-small cce8591a06b4b7ba
            listops-medium 5c63475670b4978f
            listops-large 757d919ec13c6db3
            listops a07534071b5112c2
            pathfinder-small fa36c57e227d08ac
            pathfinder c3f1db682a86c763
            path-x 9572b09c07465da5
            """;

    static Stream<Arguments> drawn() {
        return DRAWN.lines().map(line -> Arguments.of(line.split(" ")[0], line.split(" ")[1]));
    }

    @ParameterizedTest
    @MethodSource("drawn")
    void sequencesAreThoseThatTheyHaveAlwaysBeen(String name, String sum) {
        Generator task = (Generator) TaskCatalog.find(name).orElseThrow();
        long found = 0;
        for (int i = 0; i < 5; i++) {
            Example example = task.draw(new Draws(Draws.seed(7, i)), task.length(), i % 2 == 0);
            found = Draws.seed(found, example.hash(), Arrays.hashCode(example.labels()),
                    Arrays.hashCode(example.targets()));
        }
        assertThat(String.format("%016x", found)).isEqualTo(sum);
    }

    @Test
    void everyDrawnTaskHasItsCheckSum() {
        assertThat(drawn().map(each -> each.get()[0])).containsExactlyElementsOf(TaskCatalog.all().entrySet().stream()
                .filter(entry -> entry.getValue() instanceof Generator).<Object>map(Map.Entry::getKey).toList());
    }

    private static Task open(String name) throws java.io.IOException {
        return TaskCatalog.find(name).orElseThrow().open(name, NO_DATA);
    }

    @ParameterizedTest
    @MethodSource("quick")
    void sequencesDependOnTheSeedAlone(String name) throws java.io.IOException {
        Task task = open(name);
        Task again = open(name);
        assertThat(task.train(3, 7, 4)).isEqualTo(again.train(3, 7, 4)).isNotEqualTo(task.train(4, 7, 4))
                .isNotEqualTo(task.train(3, 8, 4));
        assertThat(task.test(task.testLengths().getFirst())).isEqualTo(again.test(task.testLengths().getFirst()));
        assertThat(task.baselines(task.testLengths().getFirst())).isNotEmpty()
                .allMatch(baseline -> Double.isFinite(baseline.value()));
    }

    @ParameterizedTest
    @MethodSource("quick")
    void setsAreDisjointAsSequences(String name) throws java.io.IOException {
        Task task = open(name);
        Set<Long> held = new HashSet<>();
        List<Example> all = new java.util.ArrayList<>(task.validation());
        all.addAll(task.test(task.testLengths().getFirst()));
        all.forEach(example -> assertThat(held.add(example.hash())).isTrue());
        Generator generator = (Generator) TaskCatalog.find(name).orElseThrow();
        for (long step = 0; step < 20; step++) {
            Batch batch = task.train(1, step, 16);
            for (int row = 0; row < batch.rows(); row++) {
                int width = task.input() instanceof Input.Values(int features) ? features : 0;
                int length = batch.lengths()[row];
                Example example = width == 0
                        ? Example.ofTokens(Arrays.copyOfRange(batch.ids(), row * batch.time(),
                                row * batch.time() + length))
                        : Example.ofSeries(Arrays.copyOfRange(batch.values(), row * batch.time() * width,
                                (row * batch.time() + length) * width));
                assertThat(held).doesNotContain(example.hash());
            }
        }
        assertThat(task.length()).isEqualTo(generator.positions(generator.length()));
    }

    @ParameterizedTest
    @MethodSource("quick")
    void symbolsAndLabelsLieWithinTheVocabulary(String name) throws java.io.IOException {
        Task task = open(name);
        Batch batch = task.train(1, 0, 32);
        int vocabulary = task.input() instanceof Input.Tokens(int tokens) ? tokens : 1;
        int answers = switch (task.answer()) {
            case Answer.Symbols(int symbols) -> symbols;
            case Answer.Classes(int classes) -> classes;
            case Answer.Numbers numbers -> 1;
        };
        assertThat(Arrays.stream(batch.ids()).allMatch(id -> id >= 0 && id < vocabulary)).isTrue();
        assertThat(Arrays.stream(batch.labels()).allMatch(label -> label >= Example.IGNORED && label < answers))
                .isTrue();
        assertThat(batch.scored()).isPositive();
        assertThat(batch.time()).isLessThanOrEqualTo(task.length());
        if (task.testLengths().size() > 1) {
            int longer = task.testLengths().get(1);
            assertThat(task.test(longer).getFirst().time(task.input())).isGreaterThan(task.length());
        }
    }

    @Test
    void recallAsksForTheValueOfAKeyThatOccurred() {
        AssociativeRecall task = new AssociativeRecall(20, 40, 1, List.of());
        for (int seed = 0; seed < 200; seed++) {
            Example example = task.draw(new Draws(seed), 40, false);
            int[] ids = example.ids();
            assertThat(ids).hasSize(42);
            assertThat(ids[40]).isEqualTo(18);
            Map<Integer, Integer> map = new HashMap<>();
            for (int i = 0; i < 40; i += 2) {
                assertThat(ids[i]).isBetween(0, 8);
                assertThat(ids[i + 1]).isBetween(9, 17);
                Integer before = map.put(ids[i], ids[i + 1]);
                assertThat(before == null || before == ids[i + 1]).as("seed %d: a key has one value", seed).isTrue();
            }
            assertThat(example.labels()[41]).isEqualTo(map.get(ids[41]));
            assertThat(Arrays.stream(example.labels()).filter(label -> label >= 0).count()).isEqualTo(1);
            Example trained = task.draw(new Draws(seed), 40, true);
            assertThat(trained.ids()).isEqualTo(ids);
            assertThat(Arrays.copyOf(trained.labels(), 41)).isEqualTo(Arrays.copyOfRange(ids, 1, 42));
        }
        assertThat(new AssociativeRecall(20, 42, 2, List.of()).draw(new Draws(1), 42, false).ids()).hasSize(45);
        assertThatThrownBy(() -> new AssociativeRecall(2000, 40, 4, List.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("recall: keySymbols is 4, expected so few that the 999 symbols of keys make at most 65536"
                        + " different ones");
    }

    /** Rules 1 to 5 of the published generator, and the power law of where a key comes again. */
    @Test
    void queryRecallFollowsTheRules() {
        QueryRecall task = QueryRecall.of(64, 32, 4);
        int[] slots = new int[12];
        int drawn = 4000;
        for (int seed = 0; seed < drawn; seed++) {
            Example example = task.draw(new Draws(seed), 32, false);
            int[] ids = example.ids();
            Map<Integer, Integer> map = new HashMap<>();
            for (int i = 0; i < 8; i += 2) {
                assertThat(ids[i]).isBetween(1, 31);
                assertThat(ids[i + 1]).isBetween(32, 63);
                assertThat(map.put(ids[i], ids[i + 1])).isNull();
            }
            assertThat(new HashSet<>(map.values())).hasSize(4);
            Set<Integer> asked = new HashSet<>();
            for (int t = 0; t < 32; t++) {
                int label = example.labels()[t];
                if (label != Example.IGNORED) {
                    assertThat(t).isGreaterThanOrEqualTo(8);
                    assertThat(t % 2).isZero();
                    assertThat(label).isEqualTo(map.get(ids[t]));
                    asked.add(ids[t]);
                    slots[(t - 8) / 2]++;
                }
            }
            assertThat(asked).as("seed %d: every key is asked for once", seed).isEqualTo(map.keySet());
        }
        // With a = 0.01 a slot is drawn first about as often as 1/(i + 1).
        assertThat(slots[0] / (double) drawn).isGreaterThan(0.75);
        assertThat(slots[0]).isGreaterThan(slots[3]);
        assertThat(slots[3]).isGreaterThan(slots[11]);
        Example zeros = new QueryRecall(64, 32, 4, 1, false, List.of()).draw(new Draws(1), 32, false);
        assertThat(Arrays.stream(zeros.ids()).filter(id -> id == 0).count()).isEqualTo(20);
    }

    @Test
    void inductionAsksForWhatFollowedTheMarker() {
        InductionHeads task = new InductionHeads(16, 48, 1, List.of());
        for (int seed = 0; seed < 200; seed++) {
            Example example = task.draw(new Draws(seed), 48, false);
            int first = 0;
            while (example.ids()[first] != 16) {
                first++;
            }
            assertThat(example.ids()[47]).isEqualTo(16);
            assertThat(first).isLessThan(46);
            assertThat(example.labels()[47]).isEqualTo(example.ids()[first + 1]).isLessThan(16);
            assertThat(Arrays.stream(example.ids()).filter(id -> id == 16).count()).isEqualTo(2);
        }
        Example three = new InductionHeads(16, 48, 3, List.of()).draw(new Draws(5), 48, false);
        assertThat(Arrays.copyOfRange(three.ids(), 46, 48)).isEqualTo(Arrays.copyOfRange(three.labels(), 45, 47));
    }

    @Test
    void copyingAsksForTheSymbolsInOrder() {
        for (boolean mad : new boolean[] {false, true}) {
            SelectiveCopying task = new SelectiveCopying(10, 32, 6, mad, List.of());
            for (int seed = 0; seed < 100; seed++) {
                Example example = task.draw(new Draws(seed), 32, false);
                int slots = mad ? 25 : 32;
                assertThat(example.ids()).hasSize(mad ? 32 : 38);
                int[] data = Arrays.stream(Arrays.copyOf(example.ids(), slots)).filter(id -> id < 8).toArray();
                assertThat(data).hasSize(6).isEqualTo(Arrays.stream(example.labels()).filter(id -> id >= 0).toArray());
                assertThat(example.ids()[slots]).isEqualTo(9);
                assertThat(example.ids()[example.ids().length - 1]).isEqualTo(mad ? 8 : 9);
            }
        }
        CopyMemory memory = new CopyMemory(500);
        Example example = memory.draw(new Draws(1), 500, true);
        assertThat(example.ids()).hasSize(520);
        assertThat(Arrays.stream(example.ids()).filter(id -> id == 9).count()).isEqualTo(11);
        assertThat(Arrays.stream(example.ids()).filter(id -> id == 0).count()).isEqualTo(499);
        assertThat(Arrays.copyOfRange(example.labels(), 510, 520)).isEqualTo(Arrays.copyOf(example.ids(), 10));
        assertThat(memory.memorylessLoss()).isCloseTo(10 * Math.log(8) / 520, within(1e-12));
    }

    @Test
    void addingIsATaskOfOneSixth() {
        AddingProblem task = new AddingProblem(100, true, List.of());
        Example example = task.draw(new Draws(1), 100, false);
        double sum = 0;
        for (int t = 0; t < 100; t++) {
            sum += example.values()[2 * t + 1] * example.values()[2 * t];
        }
        assertThat(example.targets()[0]).isCloseTo((float) sum, within(1e-6f));
        List<Example> many = Stream.iterate(0, i -> i + 1).limit(20_000).map(i -> task.draw(new Draws(i), 100, false))
                .toList();
        assertThat(task.baselines(many).getFirst().value()).isCloseTo(1.0 / 6, within(0.004));
    }

    @Test
    void stateIsTracked() {
        Example bits = new Parity(32, List.of()).draw(new Draws(2), 32, false);
        for (int t = 1; t < 32; t++) {
            assertThat(bits.labels()[t]).isEqualTo(bits.labels()[t - 1] ^ bits.ids()[t]);
        }
        assertThat(Group.S3.order()).isEqualTo(6);
        assertThat(Group.S5.order()).isEqualTo(120);
        assertThat(Group.A5.order()).isEqualTo(60);
        assertThat(Group.Z60.order()).isEqualTo(60);
        assertThat(Group.A4XZ5.order()).isEqualTo(60);
        assertThat(Group.S5.transpositions()).hasSize(10);
        assertThat(Group.S3.transpositions()).hasSize(3);
        for (Group group : Group.values()) {
            for (int x = 0; x < group.order(); x++) {
                assertThat(group.product(0, x)).isEqualTo(x);
                assertThat(group.product(x, 0)).isEqualTo(x);
                int y = (x * 7 + 3) % group.order();
                int z = (x * 11 + 5) % group.order();
                assertThat(group.product(group.product(x, y), z)).isEqualTo(group.product(x, group.product(y, z)));
            }
        }
        // Ranks 1 = (0 2 1) and 2 = (1 0 2): i goes to x[r[i]], so 1·2 = (1 2 0), rank 3.
        assertThat(Group.S3.product(1, 2)).isEqualTo(3);
        Example word = new WordProblem(Group.S5, true, 16, List.of()).draw(new Draws(2), 16, false);
        assertThat(Arrays.stream(word.ids()).allMatch(Group.S5.transpositions()::contains)).isTrue();
        assertThat(word.labels()[0]).isEqualTo(word.ids()[0]);
    }

    @Test
    void theNeedleIsThereOnceAndAskedFor() {
        Needle task = new Needle(256, List.of());
        for (int seed = 0; seed < 100; seed++) {
            for (double depth : new double[] {0, 0.5, 1}) {
                Example example = task.draw(new Draws(seed), 256, depth);
                byte[] bytes = new byte[example.ids().length];
                for (int i = 0; i < bytes.length; i++) {
                    bytes[i] = (byte) example.ids()[i];
                }
                String text = new String(bytes, StandardCharsets.US_ASCII);
                int at = text.indexOf("key=");
                String digits = text.substring(at + 4, at + 9);
                assertThat(text.charAt(at + 9)).isEqualTo(';');
                assertThat(text).endsWith("key?" + digits.substring(0, 4)).hasSize(260);
                for (int i = 0; i < 5; i++) {
                    assertThat(example.labels()[255 + i]).isEqualTo(digits.charAt(i));
                }
                assertThat(Math.abs(at - depth * 242)).isLessThan(6);
                assertThat(task.group(example)).as("fifth of %s", depth).isEqualTo((int) (4 * depth));
            }
        }
    }

    @Test
    void impossibleSettingsAreRefused() {
        assertThatIllegalArgumentException().isThrownBy(() -> QueryRecall.of(64, 30, 8))
                .withMessage("mqar: length is 30, expected an even number of at least 32, four times the pairs");
        assertThatIllegalArgumentException().isThrownBy(() -> new AssociativeRecall(21, 40, 1, List.of()))
                .withMessageContaining("vocabulary is 21");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new WordProblem(Group.Z60, true, 16, List.of()))
                .withMessageContaining("Z60 has no transpositions");
        assertThatIllegalArgumentException().isThrownBy(() -> new Parity(4, List.of()).open("parity", NO_DATA))
                .withMessageContaining("too few different ones");
    }

    /** Further lengths are multiples, each once; nothing else can be drawn or stand in a table. */
    @Test
    void lengthsThatAreNoneAreRefused() {
        for (List<Integer> none : List.of(List.of(0), List.of(2, -1), List.of(1), List.of(1 << 27))) {
            int wrong = none.getLast();
            for (Function<List<Integer>, Generator> task : List.<Function<List<Integer>, Generator>>of(
                    longer -> new Parity(32, longer), longer -> new AssociativeRecall(10, 32, 1, longer),
                    longer -> new QueryRecall(64, 32, 4, 0.01, true, longer),
                    longer -> new InductionHeads(16, 32, 1, longer),
                    longer -> new SelectiveCopying(10, 32, 6, false, longer),
                    longer -> new AddingProblem(32, false, longer),
                    longer -> new WordProblem(Group.S3, false, 32, longer), longer -> new Needle(32, longer))) {
                assertThatIllegalArgumentException().isThrownBy(() -> task.apply(none)).withMessageEndingWith(
                        ": longer is " + wrong + ", expected multiples of the length 32 from 2 to 67108863");
            }
        }
        assertThatIllegalArgumentException().isThrownBy(() -> new Parity(32, List.of(2, 4, 2)))
                .withMessage("parity: longer is [2, 4, 2], expected each multiple once");
    }
}
