#pragma once

#include <stdint.h>

/// Has the processor fetch the line of memory that holds the address, and does not wait for it. The address need not be
/// valid. Swift has no word for this.
static inline void prefetch(uintptr_t address) { __builtin_prefetch((const void *)address); }
