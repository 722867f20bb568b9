package tern.distil;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.distil.DistillationResult.Layer;
import tern.distil.DistillationResult.Measured;
import tern.distil.filter.HankelFit;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;

/** The page holds what was found, needs nothing from outside, and cannot be broken by a name. */
class DistillationPageTest {
    private static final String TRICKY = "</script><b>&\"";

    private static DistillationResult result(int time) {
        List<Filter> filters = new ArrayList<>();
        for (int f = 0; f < 7; f++) {
            double[] taps = new double[time];
            for (int t = 0; t < time; t++) {
                taps[t] = Math.pow(0.9 + 0.01 * f, t) * Math.cos(0.2 * f * t) + 0.01 * Math.sin(t * (double) t);
            }
            filters.add(new Filter("filter " + f, taps, 1, 4));
        }
        List<Choice> choices = Fitting.of(filters, new OrderChoice(new HankelFit(), 64, 2), new Target.Order(3),
                FitProgress.SILENT);
        Layer convolutions = new Layer("branch 0", "multihyena", 1000, 84, false, choices);
        Layer attention = new Layer("branch 2", "attention", 500, 500, true, List.of());
        Quality quality = new Quality(100, 100, 2.5, 2.501, 0.25, 0.01, 1e-3, 0.99, 1);
        return new DistillationResult(TRICKY, "out", "", "", "hankel", new Target.Order(3), time,
                List.of(convolutions, attention), OptionalDouble.empty(), Optional.of(new Measured("text", quality)),
                1.5);
    }

    private static JsonNode data(String page) {
        int from = page.indexOf('>', page.indexOf("<script id=\"data\"")) + 1;
        return new JsonMapper().readTree(page.substring(from, page.indexOf("</script>", from)));
    }

    @Test
    void thePageHoldsWhatWasFound() throws IOException {
        DistillationResult result = result(64);
        List<MethodComparison> comparison = MethodComparison.of(result.choices().subList(0, 2), 2,
                FitProgress.SILENT);
        String page = DistillationPage.of(result, comparison, 2);
        assertThat(page).doesNotContain(TRICKY).doesNotContainIgnoringCase("https:").doesNotContain("/*DATA*/");
        JsonNode data = data(page);
        assertThat(data.get("model").asString()).isEqualTo(TRICKY);
        assertThat(data.get("before").asLong()).isEqualTo(1500);
        assertThat(data.get("after").asLong()).isEqualTo(584);
        assertThat(data.get("grows").asBoolean()).isTrue();
        assertThat(data.get("filters")).hasSize(7);
        for (int f = 0; f < 7; f++) {
            JsonNode filter = data.get("filters").get(f);
            Choice choice = result.choices().get(f);
            assertThat(filter.get("order").asInt()).isEqualTo(choice.fit().order());
            assertThat(filter.get("relativeError").asDouble()).isCloseTo(choice.fit().relativeL2(),
                    within(1e-4 * choice.fit().relativeL2()));
            assertThat(filter.get("bound").asDouble()).isLessThanOrEqualTo(
                    filter.get("hankelError").asDouble() * 1.0002);
        }
        assertThat(data.get("spectra")).hasSize(1);
        assertThat(data.get("spectra").get(0).get("values").get(0).get(0).asDouble()).isEqualTo(1);
        assertThat(data.get("shown").get(0).get("why").asString()).isEqualTo("worst: ");
        assertThat(data.get("comparison")).hasSize(2);
        assertThat(data.get("comparison").get(0).get("results"))
                .extracting(one -> one.get("method").asString())
                .containsExactly("hankel", "gradient", "modal", "balanced", "prony");
        assertThat(data.get("quality").get("bitsAfter").asDouble()).isEqualTo(2.501);
    }

    @Test
    void longFiltersAreThinnedWhereTheyAreSlow() throws IOException {
        JsonNode at = data(DistillationPage.of(result(3000), List.of(), 2)).get("shown").get(0).get("at");
        assertThat(at.size()).isBetween(300, 520);
        assertThat(at.get(0).asInt()).isEqualTo(1);
        assertThat(at.get(100).asInt()).isEqualTo(101);
        assertThat(at.get(at.size() - 1).asInt()).isEqualTo(2999);
    }
}
