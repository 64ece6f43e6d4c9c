// The page's parts: report.c has the head, the figures and how they were made, network.c what was
// learned and answered, fleet.c who took part and what was said.

#ifndef TUTTI_EXAMPLES_DEMO_REPORT_H
#define TUTTI_EXAMPLES_DEMO_REPORT_H

#include <stdio.h>

#include "cli/json.h"
#include "tutti/dataset.h"

#define REPORT_PATH_BYTES 512
#define REPORT_CLASSES 10

typedef struct report {
    FILE *out;
    const char *folder;
    tt_json *history, *plan, *results;
    tt_dataset train, test;
} report;

void report_path(const report *page, const char *name, char path[REPORT_PATH_BYTES]);

// A whole number with commas, in `text`, which is returned.
const char *report_grouped(double value, char text[32]);

// A class, or REPORT_CLASSES where the file holds none.
unsigned report_answer(const tt_json *item);

void report_write_training(const report *page);
void report_write_answers(const report *page);
void report_write_devices(const report *page);
void report_write_messages(const report *page);

#endif
