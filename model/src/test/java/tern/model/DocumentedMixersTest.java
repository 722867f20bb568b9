package tern.model;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.TreeMap;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import tern.mixers.MixerCatalog;

/** docs/mixers.md names every kind of mixer and every preset, and says truly how long they are. */
class DocumentedMixersTest {
    private static final Pattern NAME = Pattern.compile("`([a-z0-9-]+)`");
    private static final int MOST_LINES = 200;

    private final Path root = Path.of(System.getProperty("tern.root", "..")).toAbsolutePath().normalize();
    private List<String> rows = List.of();

    @BeforeEach
    void read() throws IOException {
        try (Stream<String> lines = Files.lines(root.resolve("docs/mixers.md"))) {
            rows = lines.filter(line -> line.startsWith("|")).toList();
        }
    }

    private static List<String> names(String text) {
        return NAME.matcher(text).results().map(MatchResult::group).map(name -> name.substring(1, name.length() - 1))
                .toList();
    }

    @Test
    void everyMixerHasARow() {
        List<String> first = rows.stream().flatMap(row -> names(row.split("\\|")[1]).stream()).toList();
        assertThat(first).containsAll(MixerCatalog.kinds());
    }

    @Test
    void everyFamilyOfPresetsIsNamed() throws IOException {
        List<String> all = names(Files.readString(root.resolve("docs/mixers.md")));
        List<String> families = Presets.names().stream().filter(name -> name.endsWith("-nano")).map(Presets::family)
                .toList();
        assertThat(families).hasSizeGreaterThan(60);
        assertThat(all).containsAll(families);
    }

    /** A mixer and its config: {@code XConfig.java} and {@code X.java} beside it. */
    @Test
    void aMixerTakesAsManyLinesAsItSays() throws IOException {
        TreeMap<String, Path> sources = new TreeMap<>();
        try (Stream<Path> files = Files.walk(root.resolve("mixers/src/main/java"))) {
            files.filter(file -> file.toString().endsWith(".java"))
                    .forEach(file -> sources.put(String.valueOf(file.getFileName()), file));
        }
        int[] counts = new int[MixerCatalog.kinds().size()];
        int next = 0;
        for (String kind : MixerCatalog.kinds()) {
            String config = MixerCatalog.config(kind).getSimpleName();
            int lines = lines(sources, config + ".java") + lines(sources, config.replace("Config", "") + ".java");
            counts[next++] = lines;
            // Rows of several mixers, and those that count further files or leave out parts, say more than one number.
            rows.stream().filter(row -> row.matches("\\| `" + kind + "`[^`]*\\|.*\\| \\d+, 2 \\|")).findFirst()
                    .map(row -> Integer.parseInt(row.replaceAll(".*\\| (\\d+), 2 \\|$", "$1")))
                    .filter(said -> !kind.equals("min-gru"))
                    .ifPresent(said -> assertThat(said).as(kind).isBetween(lines - lines / 10, lines + lines / 10));
        }
        Arrays.sort(counts);
        assertThat(counts[counts.length / 2]).as("lines of the median mixer").isLessThanOrEqualTo(MOST_LINES);
    }

    private static int lines(TreeMap<String, Path> sources, String name) throws IOException {
        Path file = sources.get(name);
        if (file == null) {
            return 0;
        }
        try (Stream<String> lines = Files.lines(file)) {
            return Math.toIntExact(lines.count());
        }
    }
}
