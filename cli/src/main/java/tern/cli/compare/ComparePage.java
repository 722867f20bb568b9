package tern.cli.compare;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;

import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

import tern.tasks.Baseline;
import tern.tasks.Metric;
import tern.tasks.Task;
import tern.train.ReportPage;
import tern.train.Scores;
import tern.train.TaskRun;

/** A comparison as a page: one file that needs no network. Stateless; safe for use by several threads. */
final class ComparePage {
    private static final String TEMPLATE = "report.html";
    private static final JsonMapper JSON = new JsonMapper();

    private ComparePage() {
    }

    /** The page. */
    static String of(ComparePlan plan, Task task, List<RunRecord> runs) throws IOException {
        try (InputStream template = ComparePage.class.getResourceAsStream(TEMPLATE)) {
            return ReportPage.filled(TEMPLATE, template, data(plan, task, runs));
        }
    }

    /** What the page shows. */
    static ObjectNode data(ComparePlan plan, Task task, List<RunRecord> runs) {
        ObjectNode data = JSON.createObjectNode();
        data.put("task", task.name());
        data.put("description", task.description());
        data.put("input", task.input().toString());
        data.put("answer", task.answer().toString());
        data.put("metric", task.metric().title());
        data.put("percent", task.metric() == Metric.ACCURACY);
        data.put("higherIsBetter", task.metric().higherIsBetter());
        data.put("length", task.length());
        data.put("budget", plan.budget());
        data.put("seeds", plan.seeds());
        data.put("planned", plan.presets().size() * plan.seeds());
        data.put("done", runs.size());
        data.set("settings", JSON.valueToTree(plan.settings()));
        data.set("taskSettings", JSON.valueToTree(plan.taskSettings()));
        data.set("lengths", JSON.valueToTree(task.testLengths()));
        data.set("groups", JSON.valueToTree(task.groups()));
        ArrayNode baselines = data.putArray("baselines");
        List<List<Baseline>> guesses = task.testLengths().stream().map(task::baselines).toList();
        for (int i = 0; i < guesses.getFirst().size(); i++) {
            ObjectNode baseline = baselines.addObject().put("name", guesses.getFirst().get(i).name()).put("value",
                    guesses.getFirst().get(i).value());
            ArrayNode values = baseline.putArray("values");
            for (List<Baseline> at : guesses) {
                values.add(at.get(i).value());
            }
        }
        ArrayNode models = data.putArray("models");
        for (String preset : plan.presets()) {
            List<RunRecord> own = CompareTable.of(preset, runs);
            if (!own.isEmpty()) {
                models.add(model(task, preset, own));
            }
        }
        return data;
    }

    private static ObjectNode model(Task task, String preset, List<RunRecord> own) {
        RunRecord first = own.getFirst();
        ObjectNode model = JSON.createObjectNode();
        model.put("name", preset);
        model.put("parameters", first.parameters());
        model.put("causal", first.causal());
        model.put("stateFloats", first.stateFloats());
        model.put("decodeMicros", CompareTable.least(own, RunRecord::decodeMicros));
        model.put("forwardNanos", CompareTable.least(own, run -> run.cost().forwardNanos()));
        model.put("backwardNanos", CompareTable.least(own, run -> run.cost().backwardNanos()));
        model.put("trainingBytes", first.cost().bytes());
        model.put("positionsPerSecond",
                own.stream().mapToDouble(RunRecord::positionsPerSecond).average().orElseThrow());
        ArrayNode runs = model.putArray("runs");
        for (RunRecord run : own) {
            ObjectNode one = runs.addObject();
            one.put("seed", run.seed()).put("steps", run.steps()).put("seconds", run.seconds());
            ArrayNode looks = one.putArray("looks");
            for (TaskRun.Look look : run.looks()) {
                looks.addArray().add(look.step()).add(look.seconds()).add(look.trainingLoss()).add(look.score());
            }
            ArrayNode tests = one.putArray("tests");
            for (TaskRun.AtLength test : run.tests()) {
                ArrayNode groups = tests.addObject().put("length", test.length())
                        .put("score", test.scores().in(task.metric())).put("last", test.scores().last())
                        .put("exact", test.scores().exact()).putArray("groups");
                for (Scores group : task.groups().isEmpty() ? List.<Scores>of() : test.groups()) {
                    groups.add(group.scored() == 0 ? -1 : group.exact());
                }
            }
        }
        return model;
    }
}
