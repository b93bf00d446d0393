/* A data set that is not what it says is found out, sample by sample. */
#include "flux_verify.h"

#include "archrt/flux_data.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SAMPLES = 40 };

typedef enum Make { FLUX, OPEN, WORMS } Make;

static Dataset make(Make kind, bool paths)
{
    static const int worms[] = {0, 2};
    static const FluxLattice box[] = {
        {2, {4, 3}},
        {2, {6, 6}}
    };
    static const FluxParams p = {4.25, 1, 1.2};
    const FluxDataSpec s = {.lattices = 2,
                            .points = 1,
                            .counts = 2,
                            .lattice = box,
                            .point = &p,
                            .worms = kind == FLUX ? NULL : worms,
                            .detect = kind == OPEN,
                            .paths = paths,
                            .samples = SAMPLES,
                            .seed = 1,
                            .thermal = 40,
                            .between = 2};
    Dataset d;
    ArchError e;
    if (!flux_data_make(&s, &d, &e))
        fail_msg("%s", e.text);
    return d;
}

static void what_is_made_passes(void **state)
{
    (void)state;
    for (int kind = FLUX; kind <= WORMS; kind++)
        for (int paths = 0; paths < 2; paths++) {
            Dataset d = make((Make)kind, paths);
            bool checked;
            ArchError e = {0};
            if (!flux_verify(&d, "made", &checked, &e))
                fail_msg("%s", e.text);
            assert_true(checked);
            d.kind[0] = '\0';
            d.group[0].y[0] += 1;
            assert_true(flux_verify(&d, "foreign", &checked, &e));
            assert_false(checked);
            dataset_release(&d);
        }
}

/* Whether the verdict on d, which is released, names `part`. */
static void refused(Dataset *d, const char *part)
{
    bool checked;
    ArchError e = {0};
    if (flux_verify(d, "bad.h5", &checked, &e))
        fail_msg("passed, without '%s'", part);
    assert_int_equal(e.code, ARCH_EXIT_FILE);
    if (strstr(e.text, part) == NULL || strstr(e.text, "bad.h5") == NULL)
        fail_msg("'%s' is not in: %s", part, e.text);
    dataset_release(d);
}

static int8_t *sample(Dataset *d, int i)
{
    return (int8_t *)d->group[0].x + i * 4 * 12;
}

static void broken_configurations_are_found(void **state)
{
    (void)state;
    Dataset d = make(FLUX, false);
    sample(&d, 7)[5] += 1;
    refused(&d, "sample 7 of 4x3 violates flux conservation 2 times");
    d = make(FLUX, false);
    sample(&d, 7)[5] += 2;
    refused(&d, "with two at one site");
    d = make(FLUX, false);
    sample(&d, 9)[24] = -1;
    refused(&d, "sample 9 of 4x3 has a negative l: -1");
    d = make(WORMS, false);
    memcpy(sample(&d, SAMPLES + 3), sample(&d, 3), 48);
    refused(&d, "sample 43 of 4x3 conserves flux everywhere, but says it has 2 open");
    d = make(OPEN, false);
    memcpy(sample(&d, 3), sample(&d, SAMPLES + 3), 48);
    refused(&d, "sample 3 of 4x3 violates flux conservation 4 times, 0 open worms");
}

static void wrong_labels_are_found(void **state)
{
    (void)state;
    Dataset d = make(FLUX, false);
    d.group[1].y[2 * 5] += 1e-6;
    refused(&d, "sample 5 of 6x6: the label n is");
    d = make(FLUX, false);
    d.group[1].y[2 * 5 + 1] += 1e-6;
    refused(&d, "the label |phi|^2 is");
    d = make(FLUX, false);
    d.group[0].obs[1] *= 1.001;
    refused(&d, "sample 0 of 4x3: |phi|^2 in /obs is");
    d = make(FLUX, false);
    d.set[0].eta = 4.24;
    refused(&d, "|phi|^2 in /obs is");
    d = make(OPEN, false);
    d.group[0].y[SAMPLES + 1] = 2;
    refused(&d, "the label is 2, but should be 1");
    d = make(WORMS, false);
    d.group[0].y[SAMPLES + 1] = 1;
    refused(&d, "the label is 1, but should be 2");
    d = make(WORMS, true);
    d.group[0].obs[2 * SAMPLES] += 0.25;
    refused(&d, "sample 40 of 4x3: n in /obs is");
}

static void wrong_ways_are_found(void **state)
{
    (void)state;
    Dataset d = make(WORMS, true);
    d.group[0].paths.step[1] ^= 1;
    refused(&d, "sample 40 of 4x3: its path is not that of its 2 open worms");
    d = make(WORMS, true);
    for (int i = 1; i <= SAMPLES; i++)
        d.group[0].paths.worm[i] = 1;
    refused(&d, "its path is not");
}

static void wrong_shapes_are_found(void **state)
{
    (void)state;
    Dataset d = make(FLUX, false);
    free(d.group[0].obs);
    d.group[0].obs = NULL;
    refused(&d, "says it holds flux data; then 4x3 needs x of int8 with 4 channels");
    d = make(FLUX, false);
    strcpy(d.kind, "worms");
    refused(&d, "1 label(s)");
    d = make(FLUX, false);
    d.set[0].lambda = -1;
    refused(&d, "no model with eta 4.25, lambda -1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_made_passes),
        cmocka_unit_test(broken_configurations_are_found),
        cmocka_unit_test(wrong_labels_are_found),
        cmocka_unit_test(wrong_ways_are_found),
        cmocka_unit_test(wrong_shapes_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
