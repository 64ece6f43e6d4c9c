// Chains: a form that makes a value and the one form that reads it, as one form.
//
// A turn of both makes some rows of the value in local memory and reads them there at once, so the
// value is never stored: a convolution's image before its pool, scores before their softmax. A
// chain is a form as any, and may become part of a longer one.

#ifndef TUTTI_AI_CHAIN_H
#define TUTTI_AI_CHAIN_H

#include "ai/lower/group.h"

// The value that `first` makes and only `second` reads; its type, and whether it is stored in
// blocks of images.
typedef struct tt_between {
    tt_value value;
    const tt_type *type;
    bool blocked;
} tt_between;

typedef enum tt_chained {
    TT_CHAINED,
    TT_CHAINED_NOT, // their turns do not fit together, or too much would lie in between
    TT_CHAINED_FULL // there was no memory
} tt_chained;

// Makes one of both, which stay as they are. What `second` reads of what else `first` makes is no
// chain. `made` must be freed where it was made.
tt_chained tt_chain(const tt_fused *first, const tt_fused *second, const tt_between *between,
                    tt_fused *made);

#endif
