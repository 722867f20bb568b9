/**
 * What is remembered of positions and of tokens: histories in any storage type, and rows kept by token.
 *
 * <p>Glossary. A <em>history</em> [B,capacity,R] holds one row per past position. Its <em>storage type</em> may be narrower than
 * what is computed with. <em>Kept rows</em> are results that depend on parameters and token identifiers alone, found again by
 * their identifiers.
 */
@NullMarked
package tern.kernels.history;

import org.jspecify.annotations.NullMarked;
