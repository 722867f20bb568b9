/** The format of rwkv.cpp: six numbers, then tensors one behind the other, each with its own description. */
@NullMarked
package tern.checkpoint.rwkvcpp;

import org.jspecify.annotations.NullMarked;
