// Lists of what is below a path, made anew for each window, so that their length costs no memory.
//
// Each key costs a look at every key of the store (tt_store_next), so a window takes no more keys
// than are in it: it begins where the one before ended, if that was the last list that was asked
// for and nothing changed since, and nobody counts what is behind it. A list's whole size is
// therefore told in its last window only.

#include <string.h>

#include "service/store/internal.h"
#include "tutti/text.h"

#define KEY_COST 16 // of a record beside key and value

// "data/" for data, with the slash that parts it from data2.
static void prefix_of(const char *path, char prefix[TT_BUS_PATH_MAX + 1])
{
    strcpy(prefix, path);
    strcat(prefix, "/");
}

tt_status tt_store_service_count(tt_store_service *s, const char *prefix, tt_store_usage *used)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value value;
    tt_status status;
    *used = (tt_store_usage){0};
    while ((status = tt_store_next(s->options.store, prefix, key, &value)) == TT_OK) {
        used->bytes += strlen(key) + value.length + KEY_COST;
        used->keys++;
    }
    return status == TT_NOT_FOUND ? TT_OK : status;
}

static void add_link(tt_window *window, const char *key, const tt_store_value *value)
{
    char line[TT_STORE_KEY_MAX + 40];
    tt_text text;
    tt_text_init(&text, line, sizeof(line));
    tt_text_add(&text, window->at > 0 ? ",</" : "</");
    tt_text_add(&text, key); // no character of it needs escaping
    tt_text_add(&text, ">;sz=");
    tt_text_add_unsigned(&text, value->length);
    tt_text_add(&text, ";v=");
    tt_text_add_unsigned(&text, value->version);
    tt_window_add(window, line, text.length);
}

// Begins behind the last window where this one is behind that, too; else at the list's beginning.
static void find_place(tt_store_service *s, const tt_request *request)
{
    if (strcmp(s->list.path, request->path) == 0 && s->list.changes == s->changes &&
        s->list.at <= request->window_offset)
        return;
    strcpy(s->list.path, request->path);
    s->list.changes = s->changes;
    s->list.at = 0;
    s->list.key[0] = '\0';
}

tt_status tt_store_service_list(tt_store_service *s, const tt_request *request,
                                tt_response *response)
{
    char prefix[TT_BUS_PATH_MAX + 1], key[TT_STORE_KEY_MAX + 1];
    tt_store_value value;
    tt_window window;
    tt_status status;
    prefix_of(request->path, prefix);
    find_place(s, request);
    strcpy(key, s->list.key);
    tt_window_begin(&window, request, response, TT_FORMAT_LINKS, s->changes);
    window.at = s->list.at;
    while ((status = tt_store_next(s->options.store, prefix, key, &value)) == TT_OK) {
        add_link(&window, key, &value);
        if (tt_window_is_full(&window))
            return TT_OK;
        strcpy(s->list.key, key);
        s->list.at = window.at;
    }
    if (status != TT_NOT_FOUND)
        return status;
    tt_window_end(&window);
    bool root = strcmp(request->path, TT_STORE_SERVICE_PATH) == 0; // there even where it is empty
    return window.at > 0 || root ? TT_OK : status;
}
