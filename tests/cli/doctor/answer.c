/*
 * What libpam answers for a stack, and nothing beside: no session, no pam_setcred.
 *
 *     answer auth|account SERVICE USER PASSWORD [RUSER]      prints the PAM code
 */
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *password;

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)data;
    *responses = calloc(count, sizeof **responses);
    if (!*responses)
        return PAM_BUF_ERR;
    for (int n = 0; n < count; n++)
        if (messages[n]->msg_style == PAM_PROMPT_ECHO_OFF || messages[n]->msg_style == PAM_PROMPT_ECHO_ON)
            (*responses)[n].resp = strdup(password);
    return PAM_SUCCESS;
}

/* Nobody waits after a refusal. */
static void no_delay(int code, unsigned microseconds, void *data)
{
    (void)code, (void)microseconds, (void)data;
}

int main(int argc, char **argv)
{
    if (argc < 5)
        return 99;
    struct pam_conv conversation = {converse, NULL};
    pam_handle_t *pam;
    password = argv[4];
    if (pam_start(argv[2], argv[3], &conversation, &pam) != PAM_SUCCESS)
        return 99;
    pam_set_item(pam, PAM_FAIL_DELAY, (void *)no_delay);
    pam_set_item(pam, PAM_TTY, "tty1");
    if (argc > 5)
        pam_set_item(pam, PAM_RUSER, argv[5]);
    int code = strcmp(argv[1], "account") ? pam_authenticate(pam, 0) : pam_acct_mgmt(pam, 0);
    printf("%d\n", code);
    pam_end(pam, code);
    return 0;
}
