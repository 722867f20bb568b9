/**
 * Recurrent networks whose units read each other's outputs: Elman's, LSTM, GRU, sLSTM, whole or in heads (FlashRNN, Pöppel et al.
 * 2024, arXiv 2412.07752).
 *
 * <pre>
 * g = W x + b + R h₋  for each gate, R one block a head
 * s ← cell(s, g)      see Cell
 * y = W_o h, or W_o norm_h(h)
 * </pre>
 *
 * <p>Glossary. <em>Unit</em>: one number of h. <em>Gate</em>: what a unit reads of a position, one of the cell's G. <em>Decisive
 * gates</em>: the first two, i and f or r and z, which read the input through a short filter if there is one (sLSTM). Nothing of
 * these recurrences can be computed ahead of time but W x, so their chunk is fast by what it keeps close: the weights R.
 */
@NullMarked
package tern.mixers.recurrent;

import org.jspecify.annotations.NullMarked;
