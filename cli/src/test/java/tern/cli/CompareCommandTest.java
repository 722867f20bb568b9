package tern.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.FolderLock;
import tern.tasks.TaskCatalog;

class CompareCommandTest {
    private static final JsonMapper JSON = new JsonMapper();

    @TempDir
    private Path folder;

    private ByteArrayOutputStream out = new ByteArrayOutputStream();
    private ByteArrayOutputStream err = new ByteArrayOutputStream();

    private int tern(String... args) {
        out = new ByteArrayOutputStream();
        err = new ByteArrayOutputStream();
        return Tern.run(new PrintStream(out, true, StandardCharsets.UTF_8),
                new PrintStream(err, true, StandardCharsets.UTF_8), args);
    }

    private int compare(String... more) {
        List<String> args = new ArrayList<>(List.of("compare", "--task", "parity", "--presets", "transformer,rwkv4",
                "--seeds", "2", "--steps", "2", "--threads", "1", "--out", folder.resolve("c").toString(), "--set",
                "task.length=12", "task.longer=[2,4]", "width=16", "batch=4", "branches.*.heads=2"));
        args.addAll(List.of(more));
        return tern(args.toArray(String[]::new));
    }

    private String said() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void leavesATableResultsAndAPage() throws IOException {
        assertThat(compare()).as(err::toString).isZero();
        Path all = folder.resolve("c");
        String table = out.toString(StandardCharsets.UTF_8);
        assertThat(table).isEqualTo(Files.readString(all.resolve("table.md"))).contains("# parity")
                .contains("| model | parameters | validation | at 12 | at 24 | at 48 |")
                .contains("| transformer |")
                .contains("| rwkv4 |").contains("| *one of 2 bits* | – | – | 50.0 |");
        List<String> lines = Files.readAllLines(all.resolve("results.jsonl"));
        assertThat(lines).hasSize(4);
        JsonNode first = JSON.readTree(lines.getFirst());
        JsonNode second = JSON.readTree(lines.get(1));
        assertThat(first.path("preset").asString()).isEqualTo("transformer");
        assertThat(first.path("steps").asLong()).isEqualTo(2);
        assertThat(first.path("positions").asLong()).isEqualTo(2 * 4 * 12);
        assertThat(first.path("tests").size()).isEqualTo(3);
        assertThat(first.path("stateFloats").asLong()).isPositive();
        assertThat(first.path("decodeMicros").asDouble()).isPositive();
        JsonNode cost = first.path("cost");
        assertThat(1e-9 * first.path("positions").asLong()
                * (cost.path("forwardNanos").asDouble() + cost.path("backwardNanos").asDouble()))
                .as("forward and backward are most of a step, and no more").isBetween(1e-6,
                        2 * first.path("seconds").asDouble());
        assertThat(cost.path("bytes").asLong()).as("values, gradients and two moments")
                .isGreaterThan(16 * first.path("parameters").asLong());
        List<String> rows = table.lines().filter(line -> line.startsWith("|")).toList();
        assertThat(rows).allSatisfy(row -> assertThat(row.chars().filter(c -> c == '|').count()).as(row)
                .isEqualTo(rows.getFirst().chars().filter(c -> c == '|').count()));
        assertThat(second.path("parameters").asDouble() / first.path("parameters").asDouble())
                .as("equal parameters").isBetween(0.97, 1.03);
        String page = Files.readString(all.resolve("report.html"));
        assertThat(page).startsWith("<!DOCTYPE html>").contains("\"task\":\"parity\"").contains("\"name\":\"rwkv4\"")
                .doesNotContain("/*DATA*/").doesNotContain("http://cdn").doesNotContain("src=");
        // Asked for again, nothing is run again; a run whose result is lost is made again with the same outcome.
        JsonNode before = JSON.readTree(lines.get(3));
        Files.delete(all.resolve("runs/rwkv4-2/result.json"));
        assertThat(compare()).as(err::toString).isZero();
        assertThat(said()).contains("transformer, seed 1: done before").contains("rwkv4, seed 1: done before")
                .doesNotContain("rwkv4, seed 2: done before").contains("rwkv4, seed 2: accuracy");
        JsonNode after = JSON.readTree(Files.readAllLines(all.resolve("results.jsonl")).get(3));
        assertThat(after.path("tests")).isEqualTo(before.path("tests"));
        try (FolderLock _ = FolderLock.of(all)) {
            assertThat(compare()).isEqualTo(2);
            assertThat(said()).contains(all + ": another run is writing there now");
        }
        // Another comparison does not overwrite this one.
        assertThat(compare("learningRate=1e-3")).isEqualTo(2);
        assertThat(said()).contains("holds another comparison").contains("choose another folder");
    }

    /** Two pieces of text are read by one model; a classifier reads both. */
    @Test
    void piecesAreComparedByOneModel() throws IOException {
        StringBuilder dump = new StringBuilder();
        for (int i = 0; i < 20; i++) {
            dump.append("<text>").append(String.valueOf((char) ('a' + i)).repeat(32)).append("</text>");
        }
        Files.writeString(folder.resolve("a.xml"), dump);
        assertThat(tern("compare", "--task", "retrieval", "--presets", "mega-bidirectional,hyena", "--seeds", "1",
                "--steps", "1", "--threads", "1", "--data", folder.toString(), "--out",
                folder.resolve("r").toString(), "--set", "task.file=a.xml", "task.length=8", "width=16", "batch=4",
                "branches.*.keyWidth=4", "branches.*.valueWidth=8", "branches.*.chunk=8")).as(err::toString).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("up to 8 positions").contains("| *words in both* |");
        JsonNode run = JSON.readTree(Files.readAllLines(folder.resolve("r/results.jsonl")).getFirst());
        assertThat(run.path("positions").asLong()).as("both pieces of four pairs").isEqualTo(4 * 2 * 8);
        assertThat(run.path("tests").path(0).path("scores").path("scored").asLong()).isEqualTo(1000);
    }

    /** The same architecture twice, one of them with settings of its own: both stand in one table and one plot by length. */
    @Test
    void aLabelGivesSettingsOfItsOwn() throws IOException {
        String forgetting = "@window.branches.*.forgetting={\"retention\":1,\"insertion\":0.5,\"window\":4}";
        assertThat(tern("compare", "--task", "parity", "--presets", "mamba2,mamba2@window", "--seeds", "1", "--steps",
                "1", "--threads", "1", "--out", folder.resolve("l").toString(), "--set", "task.length=12",
                "task.longer=[2]",
                "width=16", "batch=4", "branches.*.headWidth=16", "branches.*.heads=2", "branches.*.stateWidth=16",
                "@window.learningRate=1e-3", forgetting)).as(err::toString).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("| mamba2 |").contains("| mamba2@window |");
        List<String> lines = Files.readAllLines(folder.resolve("l/results.jsonl"));
        assertThat(lines).hasSize(2);
        assertThat(JSON.readTree(lines.get(1)).path("stateFloats").asLong()).as("a second state and a window of inputs")
                .isGreaterThan(2 * JSON.readTree(lines.getFirst()).path("stateFloats").asLong());
        assertThat(Files.readString(folder.resolve("l/report.html"))).contains("\"name\":\"mamba2@window\"");
    }

    /** Signed features need a norm in the place of the normaliser; which is said first does not matter. */
    @Test
    void settingsThatBelongTogetherMayStandInAnyOrder() {
        assertThat(tern("compare", "--task", "parity", "--presets", "linear-attention,gla", "--seeds", "1", "--steps",
                "1", "--threads", "1", "--out", folder.resolve("o").toString(), "--set", "task.length=12", "width=16",
                "batch=4", "branches.*.heads=2", "branches.*.keyWidth=4", "branches.*.features.kind=identity",
                "branches.*.normaliser=none")).as(err::toString).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("| linear-attention |").contains("| gla |");
    }

    /** Several tasks leave a folder each and an overview; each may be gone on with for more seeds. */
    @Test
    void severalTasksLeaveAnOverview() throws IOException {
        Path all = folder.resolve("o");
        List<String> rest = List.of("--presets", "rwkv4", "--steps", "1", "--threads", "1", "--set", "task.length=12",
                "task.longer=[2]", "width=16", "batch=4");
        List<String> args = new ArrayList<>(List.of("compare", "--task", "parity,adding", "--seeds", "1", "--out",
                all.toString()));
        args.addAll(rest);
        assertThat(tern(args.toArray(String[]::new))).as(err::toString).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).isEqualTo(Files.readString(all.resolve("table.md")))
                .contains("| model | ahead of | [parity](parity/table.md) | [adding](adding/table.md) |")
                .contains("| rwkv4 | 100 | **").contains("accuracy; 1 steps, 1 of 1 seeds");
        assertThat(Files.readString(all.resolve("report.html"))).contains("\"name\":\"adding\"")
                .doesNotContain("/*DATA*/");
        List<String> sums = Files.readString(all.resolve("adding/table.md")).lines()
                .filter(line -> line.startsWith("|")).toList();
        assertThat(sums.getFirst())
                .startsWith("| model | parameters | validation | at 12 | at 24 | absolute error at 12 |");
        double absolute = JSON.readTree(Files.readAllLines(all.resolve("adding/results.jsonl")).getFirst())
                .path("tests").path(0).path("scores").path("absoluteError").asDouble();
        assertThat(sums.get(2)).startsWith("| rwkv4 |")
                .contains("| " + String.format(Locale.ROOT, "%.4f", absolute) + " |");
        assertThat(sums).allSatisfy(row -> assertThat(row.chars().filter(c -> c == '|').count()).as(row)
                .isEqualTo(sums.getFirst().chars().filter(c -> c == '|').count()));
        args = new ArrayList<>(List.of("compare", "--task", "parity", "--seeds", "2", "--out",
                all.resolve("parity").toString()));
        args.addAll(rest);
        assertThat(tern(args.toArray(String[]::new))).as(err::toString).isZero();
        assertThat(said()).contains("rwkv4, seed 1: done before").contains("rwkv4, seed 2: accuracy");
        assertThat(Files.readAllLines(all.resolve("parity/results.jsonl"))).hasSize(2);
        // Of what lies there, whatever it was asked for: the same two, and now two seeds of one.
        assertThat(tern("compare", "--overview", "--out", all.toString())).as(err::toString).isZero();
        assertThat(Files.readString(all.resolve("table.md"))).contains("[adding](adding/table.md)")
                .contains("accuracy; 1 steps, 2 of 2 seeds").contains("squared error; 1 steps, 1 of 1 seeds");
        published(all, args);
        assertThat(tern("compare", "--overview", "--out", folder.resolve("none").toString())).isEqualTo(2);
        assertThat(said()).contains("none of its folders holds a comparison");
        assertThat(tern("compare", "--task", "adding", "--presets", "rwkv4,goldfinch", "--steps", "1", "--out",
                folder.resolve("g").toString())).isEqualTo(2);
        assertThat(said()).contains("goldfinch on adding")
                .contains("looks tokens up, but this stack reads real values");
        assertThat(tern("compare", "--task", "parity", "--out", all.toString())).isEqualTo(2);
        assertThat(said()).contains("--presets A,B");
    }

    /** A comparison without its runs, as it lies in docs, is looked over and gone on with by its list of results. */
    private void published(Path all, List<String> twoSeedsOfParity) throws IOException {
        Path results = all.resolve("parity/results.jsonl");
        List<String> before = Files.readAllLines(results);
        Files.move(all.resolve("parity/runs"), folder.resolve("runs of two seeds"));
        assertThat(tern("compare", "--overview", "--out", all.toString())).as(err::toString).isZero();
        assertThat(Files.readString(all.resolve("table.md"))).contains("accuracy; 1 steps, 2 of 2 seeds");
        assertThat(all.resolve("parity/runs")).doesNotExist();
        List<String> args = new ArrayList<>(twoSeedsOfParity);
        args.set(args.indexOf("--seeds") + 1, "3");
        assertThat(tern(args.toArray(String[]::new))).as(err::toString).isZero();
        assertThat(said()).contains("rwkv4, seed 1: done before").contains("rwkv4, seed 2: done before")
                .contains("rwkv4, seed 3: accuracy");
        assertThat(Files.readAllLines(results)).hasSize(3).startsWith(before.toArray(String[]::new));
        assertThat(all.resolve("parity/runs/rwkv4-1/result.json")).exists();
        Files.writeString(results, "{\n");
        Files.move(all.resolve("parity/runs"), folder.resolve("runs of three seeds"));
        assertThat(tern(args.toArray(String[]::new))).isEqualTo(2);
        assertThat(said()).contains("results.jsonl, line 1: is not the result of a run");
    }

    /** A needle is looked for at several lengths and depths; guesses stand at every length. */
    @Test
    void needlesAreJudgedByDepthToo() throws IOException {
        assertThat(tern("compare", "--task", "passkey", "--presets", "mega", "--seeds", "1", "--steps", "1",
                "--threads",
                "1", "--out", folder.resolve("n").toString(), "--set", "task.length=28", "task.longer=[2]", "width=16",
                "batch=4", "branches.*.keyWidth=4", "branches.*.valueWidth=8")).as(err::toString).isZero();
        String table = out.toString(StandardCharsets.UTF_8);
        assertThat(table).contains("| *one of 10 digits* | – | – | 10.0 | 10.0 | – |")
                .contains("| model | group | at 28 | at 56 |").containsPattern("\\| mega \\| 80–100 % \\| [0-9.]+ \\|");
        JsonNode tests = JSON.readTree(Files.readAllLines(folder.resolve("n/results.jsonl")).getFirst()).path("tests");
        assertThat(tests.path(1).path("groups").size()).isEqualTo(5);
        long scored = 0;
        for (JsonNode group : tests.path(1).path("groups")) {
            scored += group.path("scored").asLong();
        }
        assertThat(scored).isEqualTo(tests.path(1).path("scores").path("scored").asLong()).isPositive();
        assertThat(Files.readString(folder.resolve("n/report.html"))).contains("\"groups\":[\"0–20 %\"");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', value = {
        "compare --task mqr --presets transformer --out x | unknown task \"mqr\"; did you mean \"mqar\"?",
        "compare --task mqar --presets transfromer --out x | unknown preset \"transfromer\"; did you mean \"transformer",
        "compare --task mqar --presets hyena,hyena --out x | names one architecture twice",
        "compare --task mqar --presets hyena --steps 3 --budget-minutes 1 --out x | exclude one another",
        "compare --task mqar --presets hyena --out x --set task.lenght=3 | unknown key \"lenght\"; did you mean \"length\"?",
        "compare --task mqar --presets hyena --out x --set task.length=3 | length is 3, expected an even number",
        "compare --task mqar --presets hyena --out x --set widht=3 | unknown key \"widht\"; did you mean \"width\"?",
        "compare --task mqar --presets hyena --out x --seeds 0 | take numbers above 0",
        "compare --task mqar --presets tcnca --out x --set branches.*.mover.factor=9 | factor is 9 but there are only 3 taps, so some distances would never be reached; choose",
        "compare --task mqar --presets hyena,mega-bidirectional --out x | mega-bidirectional reads in both directions, and whoever reads ahead sees the answers; choose a causal model",
        "compare --task mqar --presets mega --out x --set branches.*.chunk=0 branches.*.bias=simple | tests sequences of 64 positions, but mega can read 32 at most",
        "compare --task mqar --presets mega --out x --set branches.*.dropout=1 | the rate is 1.0, expected 0 (nothing is left out) or more, and less than 1",
        "compare --task mqar --presets mega --out x --set branches.*.norm=batch | the norm is batch, which reads ahead in training",
        "compare --task mqar --presets mamba2 --out x --set branches.*.forgetting.window=3 | forgetting is absent; set it as a whole, forgetting={\"retention\":…,\"insertion\":…,\"window\":…}",
        "compare --task mqar --presets mamba2@a/b --out x | the label is \"a/b\", expected letters, digits and dashes",
        "compare --task mqar --presets mamba2@a --out x --set @b.width=32 | no architecture has the label b; give one as --presets PRESET@b",
        "compare --task mqar --presets mamba2@a --out x --set @a | there is no key after the label",
        "compare --task mqar --presets hyena --out x --set seed=5 | --set seed=5: runs have the seeds 1, 2, …, so that they differ; say by --seeds how many",
        "compare --task mqar --presets hyena@a --out x --set @a.training.seed=5 | --set @a.training.seed=5: runs have the seeds 1, 2",
        "compare --task mqar --presets hyena --out x --set time=8 | tasks say how long sequences are; set task.length",
        "compare --task mqar --presets hyena --out x --set windows=contiguous | tasks draw their sequences themselves",
        "compare --task mqar --presets hyena --out x --set validationWindows=8 | validation sequences of their own",
        "compare --task mqar --presets hyena --out x --set training.widht=8 | unknown key \"widht\"",
        "compare --task mqar --presets hyena --out x --set batch=0 | batch is 0, expected 1 or more sequences",
        "compare --task mqar --presets hyena --out x --set learningRate=fast | learningRate: expected a number, found \"fast\"",
        "compare --task mqar --presets hyena --out x --set vocabulary=3 | task mqar gives tokens of 64",
        "compare --task mqar --presets hyena --out x --set task.longer=[0] | longer is 0, expected multiples of the length 32 from 2",
        "compare --task mqar --presets hyena --out x --budget-minutes NaN | minutes is NaN",
        "compare --task mqar --presets mega,mega@wide --out x --set @wide.branches.*.inner=200 | mega@wide gets as many parameters as mega by the width of its channel mixing (inner), which therefore cannot be set",
        "tasks parrity | did you mean \"parity\"?"})
    void mistakesAreOneLine(String command, String message) {
        assertThat(tern(command.strip().replace("--out x", "--out " + folder.resolve("x")).split(" ")))
                .isEqualTo(2);
        assertThat(said()).contains(message.strip());
        assertThat(said().lines().count()).isEqualTo(1);
        assertThat(folder.resolve("x")).as("is free for the same without the mistake").doesNotExist();
    }

    /** Runs on one text are not put beside runs on another that came to lie in its place. */
    @Test
    void otherSequencesAreAnotherComparison() throws IOException {
        Path text = folder.resolve("t.txt");
        Path plan = folder.resolve("s/compare.json");
        Files.writeString(text, "abcdefghij".repeat(100));
        String[] twoSeeds = {"compare", "--task", "text", "--presets", "hyena", "--seeds", "2", "--steps", "1",
            "--threads", "1", "--out", folder.resolve("s").toString(), "--set", "task.file=" + text, "task.length=8",
            "width=16", "batch=2"};
        String[] oneSeed = twoSeeds.clone();
        oneSeed[6] = "1";
        assertThat(tern(oneSeed)).as(err::toString).isZero();
        String kept = Files.readString(plan);
        Files.writeString(text, "abcdefghik".repeat(100));
        assertThat(tern(twoSeeds)).isEqualTo(2);
        assertThat(said()).contains("was made of other sequences of text than there are now");
        assertThat(plan).hasContent(kept);
        Files.writeString(text, "abcdefghij".repeat(100));
        assertThat(tern(twoSeeds)).as(err::toString).isZero();
        assertThat(said()).contains("hyena, seed 1: done before").contains("hyena, seed 2: bits a symbol");
        // One that was begun before check sums were kept goes on, and has one from then on.
        Files.writeString(plan, kept.replaceFirst(",\\s*\"judgedBy\" : \"[0-9a-f]{16}\"", ""));
        assertThat(Files.readString(plan)).doesNotContain("judgedBy");
        assertThat(tern(twoSeeds)).as(err::toString).isZero();
        assertThat(Files.readString(plan)).contains("judgedBy");
    }

    /** What the first architecture is given it has, whatever it is; AdamW's epsilon is not that of norms. */
    @Test
    void theFirstArchitectureIsAsItWasAskedFor() throws IOException {
        Path all = folder.resolve("f");
        assertThat(tern("compare", "--task", "parity", "--presets", "mega@odd,mega", "--seeds", "1", "--steps", "1",
                "--threads", "1", "--out", all.toString(), "--set", "task.length=12", "task.longer=[2]", "width=16",
                "batch=4", "branches.*.keyWidth=4", "branches.*.valueWidth=8", "@odd.branches.1.inner=10",
                "training.epsilon=1e-3")).as(err::toString).isZero();
        JsonNode config = JSON.readTree(Files.readString(all.resolve("runs/mega@odd-1/config.json")));
        List<Integer> inner = new ArrayList<>();
        List<Double> epsilon = new ArrayList<>();
        config.findValues("inner").forEach(value -> inner.add(value.asInt()));
        config.findValues("epsilon").forEach(value -> epsilon.add(value.asDouble()));
        assertThat(inner).startsWith(10).doesNotHaveDuplicates();
        assertThat(epsilon).doesNotContain(1e-3);
    }

    @Test
    void tasksAreListed() {
        assertThat(tern("tasks")).isZero();
        String list = out.toString(StandardCharsets.UTF_8);
        assertThat(list.lines().count()).isEqualTo(TaskCatalog.all().size());
        TaskCatalog.all().keySet().forEach(name -> assertThat(list).contains(name));
        assertThat(tern("tasks", "mqar")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("\"vocabulary\":64").doesNotContain("may be set");
        assertThat(tern("tasks", "text")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8)).contains("may be set too: split, longer");
        assertThat(tern("tasks", "mqar", "--json")).isZero();
        assertThat(
                JSON.readTree(out.toString(StandardCharsets.UTF_8)).path("settings").path("randomFiller").asBoolean())
                .isTrue();
        assertThat(tern("tasks", "--json")).isZero();
        assertThat(JSON.readTree(out.toString(StandardCharsets.UTF_8).lines().findFirst().orElseThrow()).path("name")
                .asString()).isEqualTo("recall");
    }
}
