/**
 * Cells of recurrent networks over time; the equations stand in {@code Cell} and {@code Ops.cellScan}.
 *
 * <p>Glossary. <em>Unit</em>: one number of h. <em>Head</em>: units that read each other. <em>Gate</em>: a number that a unit reads at each
 * position. <em>Recurrent product</em>: R h of a position, the part that cannot be computed ahead. <em>Panel</em>: weights of some
 * neighbouring units and all their gates, laid out in the order in which a tile of vectors reads them. <em>Kept</em>: what a
 * forward pass leaves for its backward, {@code Cell.kept} numbers of each unit and position:
 *
 * <pre>
 * LSTM              σ(i), σ(f), tanh z, σ(o), c
 * GRU               σ(r), σ(z), n, R_n h + bias
 * GRU_RESET_FIRST   σ(r), σ(z), n
 * SLSTM             e^(i−m), e^(ln σ(f)+m₋−m), tanh z, σ(o), σ(−f), c, n
 * </pre>
 *
 * <p>The stabiliser's gradient. h does not depend on m, but the last c, n and m do, so dm is carried: with A = e^(i−m)(dc·tanh z +
 * dn) and F = e^(ln σ(f)+m₋−m)(dc·c₋ + dn·n₋), what is left, dm − A − F, goes to whichever m was taken from.
 */
@NullMarked
package tern.kernels.cells;

import org.jspecify.annotations.NullMarked;
