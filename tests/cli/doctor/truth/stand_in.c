/*
 * Stands in for any PAM module: it answers what the program that loaded libpam tells it. Each copy knows by the name of
 * its file for which module it stands.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <security/pam_modules.h>
#include <string.h>

int truth_answer(const char *kind, const char *module, int argc, const char **argv);

static const char *name(void)
{
    static const char *known;
    Dl_info info;
    if (!known && dladdr((void *)pam_sm_authenticate, &info))
        known = strrchr(info.dli_fname, '/') + 1;
    return known;
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags;
    return truth_answer("auth", name(), argc, argv);
}

int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags;
    return truth_answer("account", name(), argc, argv);
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int argc, const char **argv)
{
    (void)pam, (void)flags, (void)argc, (void)argv;
    return PAM_SUCCESS;
}
