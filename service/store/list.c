// Lists of what is below a path, made anew for each window, so that their length costs no memory.

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

tt_status tt_store_service_count(tt_store_service *s, const char *prefix, uint64_t *bytes)
{
    char key[TT_STORE_KEY_MAX + 1] = "";
    tt_store_value value;
    tt_status status;
    *bytes = 0;
    while ((status = tt_store_next(s->options.store, prefix, key, &value)) == TT_OK)
        *bytes += strlen(key) + value.length + KEY_COST;
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

tt_status tt_store_service_list(tt_store_service *s, const tt_request *request,
                                tt_response *response)
{
    char prefix[TT_BUS_PATH_MAX + 1], key[TT_STORE_KEY_MAX + 1] = "";
    bool tells_size = request->window_offset == 0;
    tt_store_value value;
    tt_window window;
    tt_status status;
    prefix_of(request->path, prefix);
    tt_window_begin(&window, request, response, TT_FORMAT_LINKS, s->changes);
    while ((status = tt_store_next(s->options.store, prefix, key, &value)) == TT_OK) {
        add_link(&window, key, &value);
        if (!tells_size && tt_window_is_full(&window))
            return TT_OK;
    }
    tt_window_end(&window);
    bool root = strcmp(request->path, TT_STORE_SERVICE_PATH) == 0; // there even where it is empty
    return status == TT_NOT_FOUND && (window.at > 0 || root) ? TT_OK : status;
}
