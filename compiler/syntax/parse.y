/* parse.y - tokens -> Unit: the grammar of a .arch file. */
%code requires {
#include "syntax/parse_state.h"

#define YYLTYPE Span
#define YYLLOC_DEFAULT(all, rhs, n)                                                      \
    (all) = (n) ? (Span){YYRHSLOC(rhs, 1).from, YYRHSLOC(rhs, n).to}                     \
                : (Span){YYRHSLOC(rhs, 0).to, YYRHSLOC(rhs, 0).to}
}
%code provides { int parse_token(YYSTYPE *value, Span *at, Parse *p); }
%code {
#define yylex parse_token
enum { NESTING_MAX = 400 };
#define YYINITDEPTH NESTING_MAX
#define YYMAXDEPTH NESTING_MAX
static void yyerror(const YYLTYPE *at, Parse *p, const char *what);
}

%define api.pure full
%define api.token.prefix {TOK_}
%define api.value.type union
%define parse.error custom
%define parse.lac full
%locations
%param {Parse *p}
%initial-action { @$ = (Span){0, 0}; }
%expect 0

%token MODEL "'model'" BLOCK "'block'" INPUT "'input'" ON "'on'" OFF "'off'" BIAS "'bias'"
       PARAMS "'params'" LOSS "'loss'" ASSERT "'assert'" RETURN "'return'"
       ARROW "'->'" OPEN "'{'" CLOSE "'}'"
       '(' "'('" ')' "')'" '[' "'['" ']' "']'" '=' "'='" ',' "','" '.' "'.'"
       '+' "'+'" '-' "'-'" '*' "'*'"
       END 0 "end of file"
%token <Name> LAYER "a layer" STARRED "a starred layer" NAME "a name"
%token <int64_t> INTEGER "a number"
%token <double> REAL "a decimal number"
%token <Expr *> WINDOW "a window like 2x2"

%nterm <Name> word
%nterm <Axis *> axis
%nterm <AxisList> axes names
%nterm <Definition *> definition
%nterm <Item *> item
%nterm <ItemList> items
%nterm <bool> switch
%nterm <Expr *> chain expr sum product primary call
%nterm <Arg *> arg
%nterm <ArgList> args some_args

%%

unit: %empty
    | unit definition                            { unit_add(p->unit, $definition); }
    | unit error
    ;

definition:
      MODEL word OPEN items CLOSE
        { $$ = definition_new(p->arena, (Definition){.name = $word, .name_span = {@1.from, @2.to}, .items = $items.first}); }
    | BLOCK word '(' names ')' OPEN items CLOSE
        { $$ = definition_new(p->arena, (Definition){.is_block = true, .name = $word, .name_span = {@1.from, @2.to}, .params = $names.first, .items = $items.first}); }
    ;

names: word             { $$ = axis_list((AxisList){0}, axis_new(p->arena, @$, $word, 0)); }
    | names ',' word    { $$ = axis_list($1, axis_new(p->arena, @3, $word, 0)); }
    ;

items: %empty           { $$ = (ItemList){0}; }
    | items item        { $$ = item_list($1, $item); }
    | items error       { if (p->skipping) yyclearin; yyerrok; $$ = item_list($1, item_new(p->arena, (Item){.kind = ITEM_ERROR, .span = @2})); }
    ;

item: INPUT word '[' INTEGER ']'
        { $$ = item_new(p->arena, (Item){ITEM_INPUT, @$, .input = {$word, $INTEGER, @INTEGER, NULL, @$}}); }
    | INPUT word '[' INTEGER ']' ON '(' axes ')'
        { $$ = item_new(p->arena, (Item){ITEM_INPUT, @$, .input = {$word, $INTEGER, @INTEGER, $axes.first, {@ON.from, @$.to}}}); }
    | BIAS switch       { $$ = item_new(p->arena, (Item){ITEM_BIAS, @$, .on = $switch}); }
    | PARAMS INTEGER    { $$ = item_new(p->arena, (Item){ITEM_PARAMS, @$, .integer = $INTEGER}); }
    | LOSS word         { $$ = item_new(p->arena, (Item){ITEM_LOSS, @$, .word = $word}); }
    | ASSERT word       { $$ = item_new(p->arena, (Item){ITEM_ASSERT, @$, .word = $word}); }
    | RETURN expr       { $$ = parse_item(p, (Item){ITEM_RETURN, @$, .value = $expr}); }
    | NAME '=' expr     { $$ = parse_item(p, (Item){ITEM_LET, @$, .let = {$NAME, @NAME, $expr}}); }
    | chain             { $$ = parse_item(p, (Item){ITEM_CHAIN, @$, .value = $chain}); }
    ;

axes: axis              { $$ = axis_list((AxisList){0}, $axis); }
    | axes ',' axis     { $$ = axis_list($1, $axis); }
    ;
axis: word              { $$ = axis_new(p->arena, @$, $word, 0); }
    | word '=' INTEGER  { $$ = axis_new(p->arena, @$, $word, $INTEGER ? $INTEGER : -1); }
    ;

switch: ON              { $$ = true; }
    | OFF               { $$ = false; }
    ;

chain: call
    | NAME[x] ARROW call    { $$ = expr_chain(p->arena, @$, expr_new(p->arena, (Expr){.kind = EXPR_NAME, .span = @x, .name = $x}), $call); }
    | chain[left] ARROW call { $$ = expr_chain(p->arena, @$, $left, $call); }
    ;

expr: sum
    | expr[left] ARROW call { $$ = expr_chain(p->arena, @$, $left, $call); }
    ;
sum: product
    | sum[l] '+' product[r]     { $$ = expr_binary(p->arena, @$, EXPR_ADD, $l, $r); }
    | sum[l] '-' product[r]     { $$ = expr_binary(p->arena, @$, EXPR_SUB, $l, $r); }
    ;
product: primary
    | '-' primary               { $$ = expr_binary(p->arena, @$, EXPR_NEG, $primary, NULL); }
    | product[l] '*' primary[r] { $$ = expr_binary(p->arena, @$, EXPR_MUL, $l, $r); }
    ;
primary: call
    | NAME                      { $$ = expr_new(p->arena, (Expr){.kind = EXPR_NAME, .span = @$, .name = $1}); }
    | INTEGER                   { $$ = expr_new(p->arena, (Expr){.kind = EXPR_INTEGER, .span = @$, .integer = $1}); }
    | REAL                      { $$ = expr_new(p->arena, (Expr){.kind = EXPR_REAL, .span = @$, .real = $1}); }
    | WINDOW
    | primary[of] '.' word      { $$ = expr_field(p->arena, @$, $of, $word); }
    | '(' expr ')'              { $$ = $expr; }
    ;

call: LAYER                     { $$ = expr_new(p->arena, (Expr){.kind = EXPR_CALL, .span = @$, .call = {$1, @1, false, false, NULL}}); }
    | LAYER '(' args ')'        { $$ = expr_new(p->arena, (Expr){.kind = EXPR_CALL, .span = @$, .call = {$1, @1, false, true, $args.first}}); }
    | STARRED '(' args ')'      { $$ = expr_new(p->arena, (Expr){.kind = EXPR_CALL, .span = @$, .call = {$1, @1, true, true, $args.first}}); }
    | NAME '(' args ')'         { $$ = expr_new(p->arena, (Expr){.kind = EXPR_CALL, .span = @$, .call = {$1, @1, false, true, $args.first}}); }
    ;
args: %empty                    { $$ = (ArgList){0}; }
    | some_args
    ;
some_args: arg                  { $$ = arg_list((ArgList){0}, $arg); }
    | some_args ',' arg         { $$ = arg_list($1, $arg); }
    ;
arg: expr                       { $$ = arg_new(p->arena, @$, "", $expr); }
    | NAME '=' expr             { $$ = arg_new(p->arena, @$, $NAME.text, $expr); }
    | BIAS '=' switch           { $$ = arg_new(p->arena, @$, "bias", expr_new(p->arena, (Expr){.kind = EXPR_NAME, .span = @3, .name = name_of(p->unit->names, $switch ? "on" : "off", $switch ? 2 : 3)})); }
    ;

word: LAYER | NAME ;

%%

/* The parser's stack is full. */
static void yyerror(const YYLTYPE *at, Parse *p, const char *what)
{
    (void)what;
    diag_error(p->diag, *at, "nested too deeply");
}

static int yyreport_syntax_error(const yypcontext_t *ctx, Parse *p)
{
    enum { EXPECTED_MAX = 32 };
    yysymbol_kind_t expected[EXPECTED_MAX];
    const char *name[EXPECTED_MAX];
    int n = yypcontext_expected_tokens(ctx, expected, EXPECTED_MAX);
    for (int i = 0; i < n; i++)
        name[i] = yysymbol_name(expected[i]);
    parse_unexpected(p, *yypcontext_location(ctx), yysymbol_name(yypcontext_token(ctx)), name,
                     n);
    return 0;
}
