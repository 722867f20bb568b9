package tern.tasks;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

import tern.tasks.data.GenomeTask;
import tern.tasks.data.ImageTask;
import tern.tasks.data.RetrievalTask;
import tern.tasks.data.ReviewTask;
import tern.tasks.data.SeriesTask;
import tern.tasks.data.TextTask;
import tern.tasks.synthetic.AddingProblem;
import tern.tasks.synthetic.AssociativeRecall;
import tern.tasks.synthetic.CopyMemory;
import tern.tasks.synthetic.Group;
import tern.tasks.synthetic.InductionHeads;
import tern.tasks.synthetic.ListOps;
import tern.tasks.synthetic.Needle;
import tern.tasks.synthetic.Parity;
import tern.tasks.synthetic.Pathfinder;
import tern.tasks.synthetic.QueryRecall;
import tern.tasks.synthetic.SelectiveCopying;
import tern.tasks.synthetic.WordProblem;

/** All tasks by name: small ones that a processor learns in minutes, and those that are published. */
public final class TaskCatalog {
    private static final Map<String, TaskConfig> ALL = new LinkedHashMap<>();
    private static final List<Integer> FURTHER = List.of(2, 4);
    private static final String REVIEWS = "text-classification/movie-polarity-folds1-9.tsv.gz";

    static {
        ALL.put("recall", new AssociativeRecall(20, 40, 1, FURTHER));
        ALL.put("recall-10", new AssociativeRecall(10, 20, 1, FURTHER));
        ALL.put("recall-40", new AssociativeRecall(40, 128, 1, FURTHER));
        ALL.put("mqar", QueryRecall.of(64, 32, 4));
        ALL.put("mqar-256", QueryRecall.of(256, 64, 8));
        ALL.put("mqar-published-64", QueryRecall.of(8192, 64, 4));
        ALL.put("mqar-published-128", QueryRecall.of(8192, 128, 8));
        ALL.put("mqar-published-256", QueryRecall.of(8192, 256, 16));
        ALL.put("mqar-published-512", QueryRecall.of(8192, 512, 64));
        ALL.put("induction", new InductionHeads(16, 48, 1, List.of(2, 8)));
        ALL.put("induction-256", new InductionHeads(16, 256, 1, List.of(2, 4, 16)));
        ALL.put("selective-copy", new SelectiveCopying(10, 32, 6, false, FURTHER));
        ALL.put("selective-copy-mad", new SelectiveCopying(16, 256, 16, true, FURTHER));
        ALL.put("selective-copy-4096", new SelectiveCopying(16, 4096, 16, false, List.of()));
        ALL.put("copy-memory", new CopyMemory(100));
        ALL.put("copy-memory-500", new CopyMemory(500));
        ALL.put("copy-memory-1000", new CopyMemory(1000));
        ALL.put("copy-memory-2000", new CopyMemory(2000));
        ALL.put("adding", new AddingProblem(100, false, FURTHER));
        ALL.put("adding-600", new AddingProblem(600, false, List.of()));
        ALL.put("parity", new Parity(32, List.of(2, 4, 8)));
        ALL.put("group-s3", new WordProblem(Group.S3, false, 16, FURTHER));
        ALL.put("group-s5", new WordProblem(Group.S5, false, 16, FURTHER));
        ALL.put("group-s5-swaps", new WordProblem(Group.S5, true, 16, FURTHER));
        ALL.put("group-a5", new WordProblem(Group.A5, false, 16, FURTHER));
        ALL.put("group-a4xz5", new WordProblem(Group.A4XZ5, false, 16, FURTHER));
        ALL.put("group-z60", new WordProblem(Group.Z60, false, 16, FURTHER));
        ALL.put("passkey", new Needle(256, List.of(2, 4, 16)));
        ALL.put("passkey-512", new Needle(512, List.of(2, 4, 8)));
        ALL.put("listops-small", new ListOps(4, 5, 10, 60, 20_000));
        ALL.put("listops-medium", new ListOps(5, 5, 20, 120, 20_000));
        ALL.put("listops-large", new ListOps(6, 5, 20, 200, 20_000));
        ALL.put("listops", ListOps.published());
        ALL.put("pathfinder-small", Pathfinder.small());
        ALL.put("pathfinder", Pathfinder.published());
        ALL.put("path-x", Pathfinder.large());
        ALL.put("mnist", ImageTask.mnist(1, false));
        ALL.put("mnist-permuted", ImageTask.mnist(1, true));
        ALL.put("mnist-14", ImageTask.mnist(2, false));
        ALL.put("mnist-14-permuted", ImageTask.mnist(2, true));
        ALL.put("cifar", ImageTask.cifar(1));
        ALL.put("cifar-16", ImageTask.cifar(2));
        ALL.put("reviews", new ReviewTask(REVIEWS, 1024, false));
        ALL.put("reviews-4000", new ReviewTask(REVIEWS, 4000, false));
        ALL.put("retrieval", new RetrievalTask("enwik8-head-4000000.gz", 256));
        ALL.put("enwik8-head", TextTask.of("enwik8-head-4000000.gz", 256));
        ALL.put("enwik8", new TextTask("enwik8", Optional.of("@90000000,95000000"), 512, 5));
        ALL.put("text8", new TextTask("text8", Optional.of("@90000000,95000000"), 512, 5));
        ALL.put("shakespeare", new TextTask("tinyshakespeare.txt", Optional.empty(), 256, 4));
        ALL.put("text", TextTask.of("tinyshakespeare.txt", 256));
        ALL.put("log-apache", new TextTask("logs/Apache_2k.log", Optional.empty(), 256, 6));
        ALL.put("log-hdfs", new TextTask("logs/HDFS_2k.log", Optional.empty(), 256, 6));
        ALL.put("log-linux", new TextTask("logs/Linux_2k.log", Optional.empty(), 256, 6));
        ALL.put("ecoli", new GenomeTask("dna/ecoli_K12_first4Mb.fa.gz", 512));
        ALL.put("lambda-phage", new GenomeTask("dna/lambda_phage_NC_001416.fa", 256));
        for (int horizon : List.of(24, 96, 336, 720)) {
            ALL.put("ett-" + horizon, SeriesTask.ett(336, horizon));
        }
    }

    private TaskCatalog() {
    }

    /** All names and what they stand for, related ones together. */
    public static Map<String, TaskConfig> all() {
        return Collections.unmodifiableMap(ALL);
    }

    /** The task of a name, with the settings it has by default. */
    public static Optional<TaskConfig> find(String name) {
        return Optional.ofNullable(ALL.get(name));
    }
}
