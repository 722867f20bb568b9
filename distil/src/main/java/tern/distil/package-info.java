/**
 * Conversion of one mixer into another, with the error of each stage measured: every long convolution of a model becomes a
 * recurrence (Massaroli et al. 2023, "Laughing Hyena Distillery", arXiv 2310.18780).
 *
 * <p>
 * {@link tern.distil.Distillation} turns a whole model over, {@link tern.distil.Fitting} bare filters
 * ({@link tern.distil.FilterFile} in, {@link tern.distil.ModalFile} out); {@link tern.distil.Target} says how large the
 * recurrences may become and how orders are chosen; {@link tern.distil.Quality} measures what it did to predictions;
 * {@link tern.distil.DistillationPage} shows all of it. How one filter is fitted is the business of
 * {@code tern.distil.filter}, whose glossary holds here too.
 *
 * <p>
 * Glossary. <em>Teacher</em>: the model with long convolutions. <em>Student</em>: what it becomes. <em>Own text</em>: symbols
 * drawn from the teacher's own predictions, on which things are measured where there is no data. <em>Ladder</em>: one filter
 * at rising orders. <em>Price</em>: the error that one float of state must save to be worth having.
 */
@NullMarked
package tern.distil;

import org.jspecify.annotations.NullMarked;
