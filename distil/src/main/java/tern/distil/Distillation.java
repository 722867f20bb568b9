package tern.distil;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Collectors;

import tern.distil.Banks.Bank;
import tern.distil.filter.ModalFilter;
import tern.distil.filter.OrderChoice;
import tern.distil.filter.OrderChoice.Choice;
import tern.distil.filter.OrderChoice.Filter;
import tern.kernels.EagerOps;
import tern.mixers.MixerCatalog;
import tern.mixers.modal.LongConvolutionMixer;
import tern.mixers.modal.ModalBank;
import tern.model.Parameters;
import tern.model.Parameters.Parameter;
import tern.model.Stack;
import tern.model.StackConfig;
import tern.ops.Modes;
import tern.ops.Ops;
import tern.sequence.MixerConfig;
import tern.sequence.SequenceMixer;
import tern.sequence.StateLayout;
import tern.tensor.Allocator;
import tern.tensor.DType;
import tern.tensor.Tensor;

/**
 * A model whose long convolutions were replaced by recurrences: every filter of every bank of every
 * {@link LongConvolutionMixer} becomes a sum of modes; everything else carries over unchanged (Massaroli et al. 2023, arXiv
 * 2310.18780). Needs no data; deterministic. Filters are fitted over the taps that they have: further back, where those of a
 * Hyena end and contribute nothing, modes go on as they decay.
 *
 * @param student the recurrent model
 * @param choices what became of each filter, in the order of the places
 * @param places where each filter stands
 * @param bitsOnOwnText what the student costs in bits a symbol of text that the teacher wrote itself, the mean
 *            Kullback–Leibler divergence of its predictions; empty where nobody had to look, at a given order or tolerance
 */
public record Distillation(Stack student, List<Choice> choices, List<Place> places, OptionalDouble bitsOnOwnText) {
    /** The note of a saved student that holds its teacher's fingerprint. */
    public static final String TEACHER_NOTE = "distilled_from";

    /**
     * Where a filter stands.
     *
     * @param branch index of the branch in the stack
     * @param bank index of the bank in the branch
     * @param filter index of the filter in the bank
     */
    public record Place(int branch, int bank, int filter) {
        /** As reports name it. */
        public String name() {
            return "branch " + branch + " bank " + bank + " filter " + filter;
        }
    }

    /** Copies the lists. */
    public Distillation {
        choices = List.copyOf(choices);
        places = List.copyOf(places);
    }

    /**
     * Distils a model, on as many threads as {@code how} has.
     *
     * @param ops eager operations, to evaluate the filters
     * @param how fits filters and chooses orders
     * @param memory where the student's parameters live
     * @param progress hears how far it is
     * @throws IllegalArgumentException if the model has no long convolution, taps are not finite numbers, or the target cannot
     *             be met, which names the filter and what would do; or if what the model predicts is not finite where the
     *             target asks for it
     */
    public static Distillation of(Stack teacher, EagerOps ops, OrderChoice how, Target target, Allocator memory,
            FitProgress progress) {
        List<Place> places = new ArrayList<>();
        List<Filter> filters = new ArrayList<>();
        readFilters(teacher, ops, places, filters);
        if (filters.isEmpty()) {
            throw new IllegalArgumentException("distil: the model has no long convolution; its branches are "
                    + teacher.config().branches().stream().map(MixerCatalog::kind).distinct().toList()
                    + "; hyena, multihyena, s4d, lssl, lmu and long convolution branches are distilled, and mega and tcnca-simple over a linear mover, also as parts of parallel, universal and sum-mover");
        }
        Fitting.requireSound(filters);
        OptionalDouble bits = OptionalDouble.empty();
        List<Choice> choices = switch (target) {
            case Target.Automatic automatic -> {
                AutomaticOrders.Fitted fitted = new AutomaticOrders(teacher, ops, how, places, filters, progress)
                        .fitted();
                bits = OptionalDouble.of(fitted.bits());
                yield fitted.choices();
            }
            case Target.Budget budget -> {
                Fitting.requireEnough(filters, budget.floats());
                AutomaticOrders orders = new AutomaticOrders(teacher, ops, how, places, filters, progress);
                List<Choice> fitted = Fitting.of(orders.weighted(), how, target, progress);
                bits = OptionalDouble.of(orders.costOf(fitted));
                yield fitted;
            }
            case Target.Order order -> Fitting.of(filters, how, target, progress);
            case Target.Tolerance tolerance -> Fitting.of(filters, how, target, progress);
        };
        Stack student = assembled(teacher, places, choices.stream().map(choice -> choice.fit().filter()).toList(),
                memory, ops);
        return new Distillation(student, choices, places, bits);
    }

    /** The student that these filters make; a branch without any stays a convolution. */
    static Stack assembled(Stack teacher, List<Place> places, List<ModalFilter> filters, Allocator memory,
            Ops ops) {
        Stack student = new Stack(teacher.config().withBranches(branches(teacher, places, filters)),
                (name, shape, role, initialiser) -> memory.zeros(DType.F32, shape));
        Set<String> written = write(teacher, student, places, filters);
        carryOver(teacher.parameters(), student.parameters(), written);
        writeOffsets(teacher, student, places, ops);
        return student;
    }

    /** {@link #of(Stack, Ops, OrderChoice, Target, Allocator, FitProgress)} with nobody listening. */
    public static Distillation of(Stack teacher, EagerOps ops, OrderChoice how, Target target, Allocator memory) {
        return of(teacher, ops, how, target, memory, FitProgress.SILENT);
    }

    static void readFilters(Stack teacher, Ops ops, List<Place> places, List<Filter> filters) {
        List<SequenceMixer> mixers = teacher.mixers();
        for (int branch = 0; branch < mixers.size(); branch++) {
            List<Bank> banks = Banks.of(mixers.get(branch));
            for (int bank = 0; bank < banks.size(); bank++) {
                LongConvolutionMixer mixer = banks.get(bank).mixer();
                double[] taps = mixer.taps(ops, banks.get(bank).index()).toDoubles();
                double[] skip = mixer.skip(banks.get(bank).index()).toDoubles();
                int floats = mixer.headWidth() * mixer.headWidth() * banks.get(bank).uses();
                int count = mixer.filters();
                for (int f = 0; f < count; f++) {
                    double[] own = new double[taps.length / count];
                    for (int t = 0; t < own.length; t++) {
                        own[t] = taps[t * count + f];
                    }
                    own[0] += skip[f];
                    Place place = new Place(branch, bank, f);
                    places.add(place);
                    filters.add(new Filter(place.name(), own, 1, floats));
                }
            }
        }
    }

    private static List<MixerConfig> branches(Stack teacher, List<Place> places, List<ModalFilter> filters) {
        List<MixerConfig> branches = new ArrayList<>(teacher.config().branches());
        for (int branch = 0; branch < branches.size(); branch++) {
            List<Integer> pairs = new ArrayList<>();
            List<Integer> reals = new ArrayList<>();
            for (int i = 0; i < places.size(); i++) {
                if (places.get(i).branch() == branch) {
                    pairs.add(filters.get(i).complexModes());
                    reals.add(filters.get(i).realModes());
                }
            }
            if (!pairs.isEmpty()) {
                branches.set(branch, Banks.replaced(teacher.mixers().get(branch), pairs, reals).orElseThrow());
            }
        }
        return branches;
    }

    /** Writes the modes; gives back the names of the parameters written. */
    private static Set<String> write(Stack teacher, Stack student, List<Place> places, List<ModalFilter> filters) {
        for (int i = 0; i < places.size(); i++) {
            Place place = places.get(i);
            ModalFilter filter = filters.get(i);
            ModalBank bank = bank(teacher, student, place);
            Modes modes = bank.modes();
            int pair = modes.pairStart()[place.filter()];
            put(modes.decay(), pair, filter.nu());
            put(modes.phase(), pair, filter.theta());
            put(modes.residueReal(), pair, filter.residueRe());
            put(modes.residueImaginary(), pair, filter.residueIm());
            int real = modes.realStart()[place.filter()];
            put(modes.realDecay(), real, filter.realNu());
            put(modes.realResidue(), real, filter.realResidue());
            for (int m = 0; m < filter.realModes(); m++) {
                modes.realSign().set(real + m, filter.realSign()[m]);
            }
            bank.passThrough().set(place.filter(), filter.direct());
        }
        Set<String> written = new HashSet<>();
        Set<Tensor> tensors = Collections.newSetFromMap(new IdentityHashMap<>());
        places.forEach(place -> tensors.addAll(bank(teacher, student, place).parameters()));
        student.parameters().all().stream().filter(parameter -> tensors.contains(parameter.tensor()))
                .map(Parameter::name).forEach(written::add);
        return written;
    }

    private static ModalBank bank(Stack teacher, Stack student, Place place) {
        return Banks.modal(teacher.mixers().get(place.branch()), student.mixers().get(place.branch()))
                .get(place.bank());
    }

    /** What filters add whatever was read; parameters of the student like the modes. */
    private static void writeOffsets(Stack teacher, Stack student, List<Place> places, Ops ops) {
        for (Place place : places) {
            Bank own = Banks.of(teacher.mixers().get(place.branch())).get(place.bank());
            bank(teacher, student, place).offset()
                    .ifPresent(into -> own.mixer().offset(ops, own.index()).ifPresent(into::copyFrom));
        }
    }

    private static void put(Tensor into, int at, double[] values) {
        for (int i = 0; i < values.length; i++) {
            into.set(at + i, values[i]);
        }
    }

    private static void carryOver(Parameters teacher, Parameters student, Set<String> written) {
        for (Parameter parameter : student.all()) {
            if (!written.contains(parameter.name())) {
                Tensor source = teacher.find(parameter.name()).map(Parameter::tensor).orElseThrow(
                        () -> new IllegalStateException("distil: the teacher has no parameter " + parameter.name()));
                parameter.tensor().copyFrom(source);
            }
        }
    }

    /** Floats of recurrent state that the filters need per sequence. */
    public long stateFloats() {
        return choices.stream().mapToLong(Distillation::stateFloats).sum();
    }

    /** Floats of recurrent state that one filter needs per sequence, over all channels that share it. */
    public static long stateFloats(Choice choice) {
        return (long) choice.fit().order() * choice.filter().floatsPerOrder();
    }

    /** What every branch with a state was and became, from the bottom. */
    public List<DistillationResult.Layer> layers(Stack teacher) {
        int context = teacher.config().context();
        List<DistillationResult.Layer> layers = new ArrayList<>();
        for (int branch = 0; branch < teacher.mixers().size(); branch++) {
            StateLayout before = teacher.stateLayouts().get(branch);
            StateLayout after = student.stateLayouts().get(branch);
            List<Choice> own = new ArrayList<>();
            for (int i = 0; i < places.size(); i++) {
                if (places.get(i).branch() == branch) {
                    own.add(choices.get(i));
                }
            }
            if (before.floats(context) > 0) {
                layers.add(new DistillationResult.Layer("branch " + branch,
                        MixerCatalog.kind(teacher.config().branches().get(branch)), before.floats(context),
                        after.floats(context), after.grows(), own));
            }
        }
        return layers;
    }

    /** The config of the recurrent model. */
    public StackConfig config() {
        return student.config();
    }

    /**
     * What a saved student says of itself: the teacher's notes, its fingerprint, and how the student was made.
     *
     * @param notes the teacher's
     * @param fingerprint the teacher's
     * @param method that fitted the filters
     */
    public Map<String, String> notes(Map<String, String> notes, String fingerprint, String method, Target target) {
        Map<String, String> own = new LinkedHashMap<>(notes);
        own.put(TEACHER_NOTE, fingerprint);
        own.put("distilled_by", method + ", " + target.words());
        own.put("distilled_orders", choices.stream().map(choice -> Integer.toString(choice.fit().order()))
                .collect(Collectors.joining(" ")));
        own.put("distilled_state_floats", Long.toString(stateFloats()));
        return own;
    }
}
