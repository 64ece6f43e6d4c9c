// Lists of a program's steps that several threads do together; for lists.c and running.c.

#ifndef TUTTI_AI_LISTS_H
#define TUTTI_AI_LISTS_H

#include "ai/run/jobs.h"
#include "ai/run/session_internal.h"

typedef struct tt_list {
    uint32_t first, end;                            // steps
    uint32_t step[TT_JOBS_MAX], steps[TT_JOBS_MAX]; // of a job: the first, and how many
    tt_jobs jobs;
} tt_list;

// Makes the program's lists, of forms whose turns are enough for threads; places are known, and
// scratch is not allocated yet. TT_FULL. With one thread there are no lists, and forms stay.
tt_status tt_lists_make(tt_program *program);
void tt_lists_free(tt_program *program);

// Runs all steps of the list; where they read and write is known.
void tt_list_run(const tt_running *running, const tt_program *program, tt_list *list);

#endif
