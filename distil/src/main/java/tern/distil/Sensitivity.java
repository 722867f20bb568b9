package tern.distil;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

import tern.distil.Distillation.Place;
import tern.distil.filter.FilterLadder;
import tern.distil.filter.ModalFilter;
import tern.distil.filter.OrderChoice.Filter;
import tern.kernels.EagerOps;
import tern.model.Stack;
import tern.tensor.Memory;

/**
 * How much a filter's error matters to what a model predicts: the divergence that taking its memory away causes on text that
 * the model wrote itself, for each unit of squared error. Filters of one layer differ by factors of a hundred, since the
 * gates and matrices around them scale what they let through. Where a model is too large to ask for every filter, neighbours
 * are asked for together. Confined to one thread.
 */
final class Sensitivity {
    /** Symbols times parameters that all questions together may take, roughly. */
    private static final double WORK = 1e11;
    private static final int MOST_QUESTIONS = 256;
    private static final int ROWS = 2;
    /** No filter counts for less than this part of the mean, whatever so little text shows. */
    private static final double LEAST = 0.01;

    private final Stack teacher;
    private final EagerOps ops;
    private final List<Place> places;
    private final List<FilterLadder> ladders;
    private final int[][] text;
    private final FitProgress progress;

    /**
     * @param ladders of all filters, grown to where they are good already
     * @param text that the teacher wrote; its first rows are read
     */
    Sensitivity(Stack teacher, EagerOps ops, List<Place> places, List<FilterLadder> ladders, int[][] text,
            FitProgress progress) {
        this.teacher = teacher;
        this.ops = ops;
        this.places = places;
        this.ladders = ladders;
        this.text = Arrays.copyOf(text, Math.min(ROWS, text.length));
        this.progress = progress;
    }

    /** The filters, weighted so that Σ weight·‖e‖² is about the divergence in nats. */
    List<Filter> weighted(List<Filter> filters) {
        Map<Integer, List<Integer>> branches = new TreeMap<>();
        for (int f = 0; f < filters.size(); f++) {
            branches.computeIfAbsent(places.get(f).branch(), ignored -> new ArrayList<>()).add(f);
        }
        double each = (double) text.length * text[0].length * teacher.parameters().count();
        int questions = (int) Math.clamp(WORK / each, branches.size(), MOST_QUESTIONS);
        int group = (filters.size() + questions - 1) / questions;
        double[] divergence = new double[filters.size()];
        int asked = 0;
        for (List<Integer> branch : branches.values()) {
            double without = divergence(branch, List.of());
            for (int from = 0; from < branch.size(); from += group) {
                progress.at("asking what matters", asked, filters.size());
                List<Integer> some = branch.subList(from, Math.min(branch.size(), from + group));
                double caused = Math.max(0, divergence(branch, some) - without);
                double energy = some.stream().mapToDouble(this::energy).sum();
                for (int f : some) {
                    divergence[f] = energy == 0 ? 0 : caused * energy(f) / energy;
                }
                asked += some.size();
            }
        }
        double mean = Arrays.stream(divergence).average().orElse(0);
        if (mean == 0) {
            // Nothing behind the filters listens to them yet, as where a matrix starts at zero: all count alike.
            return filters;
        }
        double least = LEAST * mean;
        List<Filter> weighted = new ArrayList<>();
        for (int f = 0; f < filters.size(); f++) {
            Filter filter = filters.get(f);
            double weight = Math.max(divergence[f], least) / energy(f);
            weighted.add(new Filter(filter.name(), filter.taps(),
                    weight > 0 && Double.isFinite(weight) ? weight : Double.MIN_NORMAL, filter.floatsPerOrder()));
        }
        return weighted;
    }

    private double energy(int f) {
        return ladders.get(f).rungs().getFirst().squaredError();
    }

    /** With one branch a recurrence, as good as the ladders have it but for some filters that have no memory. */
    private double divergence(List<Integer> branch, List<Integer> none) {
        List<Place> own = branch.stream().map(places::get).toList();
        List<ModalFilter> filters = branch.stream().map(f -> none.contains(f)
                ? ladders.get(f).rungs().getFirst().filter() : ladders.get(f).rungs().getLast().filter()).toList();
        try (Memory memory = new Memory()) {
            return Quality.of(teacher, Distillation.assembled(teacher, own, filters, memory, ops), text, ops).meanKl();
        }
    }
}
