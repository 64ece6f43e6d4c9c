// What the files of this room share.

#ifndef TUTTI_SERVICE_MODEL_INTERNAL_H
#define TUTTI_SERVICE_MODEL_INTERNAL_H

#include "tutti/model_service.h"

// keep.c: the model in a store.
struct tt_model_keep {
    // At the start: offers the model that was kept, if there is one that passes.
    void (*load)(tt_model_service *s);
    // A plan that was checked lies in a slot: keeps it, then it takes the model's place, then
    // answers.
    void (*put)(tt_model_service *s, const tt_plan *plan, unsigned slot, const tt_request *request,
                tt_response *response);
    // Deletes the model, then answers.
    void (*remove)(tt_model_service *s, const tt_request *request, tt_response *response);
    // Lets go of plans in the medium's window that are not used any more.
    void (*release)(tt_model_service *s);
};

// model.c: whether a name may be a model's; whether a plan may run here, else `response` refuses
// it; puts a plan that may into the model's place (TT_CREATED or TT_CHANGED); whether an input that
// was taken waits for the plan in a slot; ends the model.
bool tt_model_is_name(const char *name);
bool tt_model_check(tt_model_service *s, const void *bytes, size_t length, tt_plan *plan,
                    tt_response *response);
tt_code tt_model_place(tt_model_service *s, tt_time now, const tt_plan *plan, unsigned slot,
                       const char *name);
bool tt_model_slot_is_used(const tt_model_service *s, unsigned slot);
void tt_model_give_up(tt_model_service *s, tt_time now);

#endif
