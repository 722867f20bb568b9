package tern.cli;

import java.lang.reflect.RecordComponent;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.ParentCommand;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

import tern.checkpoint.RecordJson;
import tern.mixers.NearestName;
import tern.tasks.TaskCatalog;
import tern.tasks.TaskConfig;

/** {@code tern tasks}: what models can be compared on. */
@Command(name = "tasks", description = "List the tasks that models can be compared on, or explain one.", mixinStandardHelpOptions = true, sortOptions = false)
final class TasksCommand implements Callable<Integer> {
    private static final JsonMapper JSON = new JsonMapper();

    @ParentCommand
    private Tern tern;

    @Parameters(index = "0", arity = "0..1", paramLabel = "NAME", description = "A task whose settings to show.")
    private Optional<String> name;

    @Option(names = "--json", description = "Print JSON lines.")
    private boolean json;

    /** Where data sets lie if nothing else is said: beside the folder of Tern itself. */
    static Path usualData() {
        return Path.of(System.getProperty("tern.shared", System.getProperty("tern.root", ".") + "/../shared"), "data")
                .normalize();
    }

    @Override
    public Integer call() {
        if (name.isPresent()) {
            TaskConfig task = TaskCatalog.find(name.get())
                    .orElseThrow(() -> new UserError("unknown task \"" + name.get() + "\"; "
                            + NearestName.advice(name.get(), TaskCatalog.all().keySet())));
            if (json) {
                Map<String, Object> explained = new LinkedHashMap<>(described(name.get(), task));
                if (task instanceof Record settings) {
                    // With names as --set takes them.
                    explained.put("settings", JSON.readTree(RecordJson.line(settings)));
                    explained.put("unset", unset(settings));
                }
                tern.out().println(Json.line(explained));
                return Outcome.OK;
            }
            show(name.get(), task);
            if (task instanceof Record record) {
                tern.out().println("settings (--set task.KEY=VALUE): " + RecordJson.line(record));
                if (!unset(record).isEmpty()) {
                    tern.out().println("may be set too: " + String.join(", ", unset(record)));
                }
            }
            return Outcome.OK;
        }
        for (Map.Entry<String, TaskConfig> task : TaskCatalog.all().entrySet()) {
            show(task.getKey(), task.getValue());
        }
        return Outcome.OK;
    }

    private void show(String called, TaskConfig task) {
        tern.out().println(json ? Json.line(described(called, task))
                : String.format("%-22s %s", called, task.description()));
    }

    /** Keys that a task knows and has no value for. */
    private static List<String> unset(Record task) {
        List<String> keys = new ArrayList<>();
        JsonNode set = JSON.readTree(RecordJson.line(task));
        for (RecordComponent component : task.getClass().getRecordComponents()) {
            if (!set.has(component.getName())) {
                keys.add(component.getName());
            }
        }
        return keys;
    }

    private static Map<String, Object> described(String called, TaskConfig task) {
        Map<String, Object> description = new LinkedHashMap<>();
        description.put("name", called);
        description.put("description", task.description());
        return description;
    }
}
