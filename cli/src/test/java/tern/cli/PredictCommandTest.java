package tern.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.Checkpoint;
import tern.model.HeadConfig;
import tern.model.Parameters;
import tern.model.Presets;
import tern.model.Stack;
import tern.tensor.DType;
import tern.tensor.Memory;
import tern.text.ByteTokenizer;
import tern.text.Columns;

/** Trained heads are asked from the command line, once or as a stream. */
class PredictCommandTest {
    private static final int ROWS = 12;

    @TempDir
    private Path folder;

    private ByteArrayOutputStream out = new ByteArrayOutputStream();
    private ByteArrayOutputStream err = new ByteArrayOutputStream();
    private Path table;

    @BeforeEach
    void writeTable() throws IOException {
        table = folder.resolve("t.csv");
        // The columns stand in another order than they were trained in, with one that the model does not read.
        StringBuilder text = new StringBuilder("date,heat,other,load\n");
        for (int row = 0; row < ROWS; row++) {
            text.append("d,").append(-2 + 0.1 * row).append(",7,").append(10 + row % 3).append('\n');
        }
        Files.writeString(table, text);
    }

    private int tern(Object... args) {
        out = new ByteArrayOutputStream();
        err = new ByteArrayOutputStream();
        List<String> words = new ArrayList<>();
        for (Object arg : args) {
            words.add(arg.toString());
        }
        return Tern.run(new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8),
                words.toArray(String[]::new));
    }

    private List<JsonNode> answers() {
        return out.toString(UTF_8).lines().map(line -> new JsonMapper().readTree(line)).toList();
    }

    private Path save(String name, Optional<Integer> features, int tokens, HeadConfig head, Map<String, String> notes)
            throws IOException {
        try (Memory memory = new Memory()) {
            Stack stack = new Stack(Presets.named("rwkv7-micro").withEnds(tokens, 64, false, features,
                    Optional.of(head)), Parameters.Source.initialised(1, DType.F32, memory));
            Checkpoint.save(folder.resolve(name), stack, Map.of(), notes);
        }
        return folder.resolve(name);
    }

    private Path forecaster(boolean relative) throws IOException {
        return save("forecaster-" + relative, Optional.of(2), 1, HeadConfig.forecast(3, 2), new Columns(
                List.of("load", "heat"), List.of(11.0, -1.5), List.of(0.8, 0.4), 8, 3, relative).notes());
    }

    @Test
    void aForecastIsInTheColumnsOfTheTable() throws IOException {
        Path model = forecaster(false);
        assertThat(tern("predict", model, "--table", table)).as(err::toString).isZero();
        assertThat(out.toString(UTF_8).lines()).hasSize(4).first().isEqualTo("step,load,heat");
        assertThat(tern("predict", model, "--table", table, "--json")).isZero();
        JsonNode window = answers().getFirst();
        assertThat(window.path("position").asInt()).isEqualTo(ROWS);
        assertThat(window.path("forecast").size()).isEqualTo(3);
        assertThat(window.path("forecast").path(0).path("load").asDouble()).isBetween(5.0, 17.0);
        // The last eight rows alone are the window.
        List<String> lines = Files.readAllLines(table);
        Path last = Files.write(folder.resolve("last.csv"),
                List.of(lines.get(0), lines.get(5), lines.get(6), lines.get(7), lines.get(8), lines.get(9),
                        lines.get(10), lines.get(11), lines.get(12)));
        assertThat(tern("predict", model, "--table", last, "--json")).isZero();
        assertThat(answers().getFirst().path("forecast")).isEqualTo(window.path("forecast"));
    }

    @Test
    void aStreamGoesOnWhereItWasSaved() throws IOException {
        Path model = forecaster(false);
        assertThat(tern("predict", model, "--table", table, "--every", "--json")).as(err::toString).isZero();
        List<JsonNode> every = answers();
        assertThat(every).extracting(answer -> answer.path("position").asInt()).hasSize(ROWS).startsWith(1, 2)
                .endsWith(ROWS);
        List<String> lines = Files.readAllLines(table);
        Path first = Files.write(folder.resolve("first.csv"), lines.subList(0, 6));
        List<String> others = new ArrayList<>(List.of(lines.getFirst()));
        others.addAll(lines.subList(6, lines.size()));
        Path rest = Files.write(folder.resolve("rest.csv"), others);
        Path state = folder.resolve("state.safetensors");
        assertThat(tern("predict", model, "--table", first, "--save-state", state)).as(err::toString).isZero();
        assertThat(tern("predict", model, "--table", rest, "--load-state", state, "--json")).isZero();
        JsonNode end = answers().getLast();
        assertThat(end.path("position").asInt()).isEqualTo(ROWS);
        assertThat(end.path("forecast").path(2).path("heat").asDouble())
                .isCloseTo(every.getLast().path("forecast").path(2).path("heat").asDouble(), within(1e-5));
        assertThat(tern("predict", forecaster(true), "--table", rest, "--load-state", state)).isEqualTo(2);
        assertThat(err.toString(UTF_8)).contains("told less their last row").hasLineCount(1);
    }

    @Test
    void relativeWindowsAreReadAnewEachTime() throws IOException {
        Path model = forecaster(true);
        assertThat(tern("predict", model, "--table", table, "--every", "--json")).as(err::toString).isZero();
        List<JsonNode> every = answers();
        assertThat(every).extracting(answer -> answer.path("position").asInt()).containsExactly(8, 9, 10, 11, 12);
        assertThat(tern("predict", model, "--table", table, "--json")).isZero();
        assertThat(answers().getFirst().path("forecast")).isEqualTo(every.getLast().path("forecast"));
    }

    @Test
    void aTextHasAClass() throws IOException {
        Path model = save("reviews", Optional.empty(), 257, HeadConfig.classification(2, 0),
                Map.of(ByteTokenizer.FIRST_BYTE_NOTE, "1"));
        assertThat(tern("predict", model, "--text", "fine", "--json")).as(err::toString).isZero();
        JsonNode whole = answers().getFirst();
        double sum = whole.path("probabilities").path(0).asDouble() + whole.path("probabilities").path(1).asDouble();
        assertThat(sum).isCloseTo(1, within(1e-9));
        assertThat(tern("predict", model, "--ids", "103,106,111,102", "--every", "--json")).isZero();
        assertThat(answers()).hasSize(4);
        assertThat(answers().getLast().path("probabilities").path(1).asDouble())
                .isCloseTo(whole.path("probabilities").path(1).asDouble(), within(1e-5));
        for (String every : List.of("--every", "--json")) {
            refused("nothing to read", "predict", model, "--text", "", every);
        }
        assertThat(tern("predict", model, "--text", "fine")).isZero();
        assertThat(out.toString(UTF_8)).matches("class [01] \\(0\\.\\d{3}\\)\\R");
    }

    private void refused(String told, Object... args) {
        assertThat(tern(args)).as(told).isEqualTo(2);
        assertThat(err.toString(UTF_8)).contains(told).hasLineCount(1);
    }

    @Test
    void whatDoesNotFitIsOneLine() throws IOException {
        Path model = forecaster(false);
        Path pair = save("pair", Optional.empty(), 9, HeadConfig.pair(2, 0), Map.of());
        refused("give one of --text, --ids and --table", "predict", model);
        refused("give one of", "predict", model, "--ids", "1", "--table", table);
        refused("was not trained on bytes", "predict", model, "--text", "a");
        refused("1 sequences were given, this model answers about 2", "predict", pair, "--ids", "1,2");
        refused("outside the vocabulary", "predict", pair, "--ids", "1,2", "--ids", "99");
        refused("this model reads tokens", "predict", pair, "--table", table);
        refused("none.csv", "predict", model, "--table", folder.resolve("none.csv"));
        Path few = Files.write(folder.resolve("few.csv"), List.of("date,heat,load", "d,1,2", "d,3,4"));
        refused("has 2 rows, expected at least 8", "predict", model, "--table", few);
        Path other = Files.write(folder.resolve("other.csv"), List.of("date,heat,weight", "d,1,2"));
        refused("has no column load", "predict", model, "--table", other);
        Path ragged = Files.write(folder.resolve("ragged.csv"), List.of("date,heat,load", "d,1,2", "d,3"));
        refused("row 3 has 2 columns, expected 3", "predict", model, "--table", ragged);
        Path words = Files.write(folder.resolve("words.csv"), List.of("date,heat,load", "d,1,two"));
        refused("row 2, column 3 holds \"two\"", "predict", model, "--table", words, "--every");
        Path empty = Files.write(folder.resolve("empty.csv"), List.of("date,heat,load"));
        refused("there are no rows", "predict", model, "--table", empty, "--every");
        refused("there are no rows", "predict", model, "--table", empty);
        refused("the table", "predict", model, "--table", table, "--save-state", table);
        refused("tern predict", "generate", model, "--prompt", "a");
        refused("there is no folder", "predict", model, "--table", table, "--save-state",
                folder.resolve("no/such/file"));
    }
}
