//! The grammar of `select!`.
//!
//! ```text
//! select  = "(" path of gosched ")" [ "biased" ";" ] { arm }
//! arm     = pattern "=" operation [ "," "if" condition ] "=>" body
//!         | "default" "=>" body
//! body    = block [ "," ] | expression ","      (the last comma may be left out)
//! ```
//!
//! A body ends where the right-hand side of a `match` arm would end. `expand` calls [`Select::parse`]
//! and gets either a whole select or an error at the token that is wrong.
//!
//! # Invariants
//!
//! 1. A [`Select`] has at most [`MAX_ARMS`] arms besides `default`, and none of its patterns is
//!    refutable by its looks.
//! 2. What people who come from another `select!` write by habit (`Some(v) = …`, `else =>`,
//!    `complete =>`, `recv(rx) -> v =>`, a guard without its comma) gets a message that says how it
//!    is written here. Mistakes in patterns and too many defaults are collected and reported
//!    together, for the grammar is not lost over them; after any other mistake parsing stops.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Expr, Ident, Pat, Result, Token, token};

use crate::group::regrouped;
use crate::pattern;

/// How many arms a `select!` may have, `default` not counted.
pub(crate) const MAX_ARMS: usize = 64;

/// A whole `select!`.
pub(crate) struct Select {
    /// The path of gosched in the caller's crate.
    pub(crate) krate: TokenStream,
    pub(crate) biased: bool,
    pub(crate) arms: Vec<Arm>,
    /// The body of `default`.
    pub(crate) default: Option<TokenStream>,
}

/// One arm that has an operation.
pub(crate) struct Arm {
    pub(crate) pat: Pat,
    pub(crate) operation: Expr,
    pub(crate) guard: Option<Expr>,
    pub(crate) body: TokenStream,
}

const SHAPE: &str = "an arm of select! is `pattern = operation => body`";

impl Parse for Select {
    fn parse(input: ParseStream) -> Result<Self> {
        let path;
        syn::parenthesized!(path in input);
        let mut select = Select {
            krate: path.parse()?,
            biased: biased(input)?,
            arms: Vec::new(),
            default: None,
        };
        let mut errors: Option<Error> = None;
        let mut report = |error: Error| match &mut errors {
            Some(all) => all.combine(error),
            None => errors = Some(error),
        };
        while !input.is_empty() {
            reject_foreign_keywords(input)?;
            if let Some(keyword) = default_keyword(input)? {
                let body = body(input)?;
                if select.default.replace(body).is_some() {
                    report(Error::new(keyword, "select! has at most one `default`"));
                }
                continue;
            }
            let arm: Arm = input.parse()?;
            if let Some(part) = pattern::refutable(&arm.pat) {
                report(Error::new_spanned(
                    part,
                    "patterns of select! are irrefutable: bind a name and match on it in the body",
                ));
            }
            select.arms.push(arm);
            if select.arms.len() == MAX_ARMS + 1 {
                let first_too_many = &select.arms[MAX_ARMS].pat;
                report(Error::new_spanned(
                    first_too_many,
                    format!("select! has at most {MAX_ARMS} arms besides `default`"),
                ));
            }
        }
        match errors {
            Some(errors) => Err(errors),
            None => Ok(select),
        }
    }
}

impl Parse for Arm {
    fn parse(input: ParseStream) -> Result<Self> {
        let pat = Pat::parse_multi_with_leading_vert(input)
            .map_err(|e| Error::new(e.span(), format!("expected a pattern: {SHAPE}")))?;
        if input.peek(Token![if]) {
            return Err(input.error(
                "a guard stands after the operation: `pattern = operation, if condition => body`",
            ));
        }
        if !input.peek(Token![=]) || input.peek(Token![=>]) || input.peek(Token![==]) {
            let message = format!("expected `=`: {SHAPE}, with `_` for a value that is not used");
            return Err(at_next(input, &pat, message));
        }
        input.parse::<Token![=]>()?;

        if input.is_empty() || input.peek(Token![=>]) || input.peek(Token![,]) {
            let message = format!("expected an operation after `=`: {SHAPE}");
            return Err(at_next(input, &pat, message));
        }
        let operation = regrouped(input.parse()?);

        if input.peek(Token![if]) {
            return Err(input.error("a guard follows a comma: `, if condition`"));
        }
        let mut guard = None;
        if input.peek(Token![,]) && input.peek2(Token![if]) {
            input.parse::<Token![,]>()?;
            input.parse::<Token![if]>()?;
            if input.peek(Token![let]) {
                return Err(input.error(
                    "a guard is a condition of type `bool`: match on the value in the body, \
                     or ask with `matches!`",
                ));
            }
            if input.is_empty() || input.peek(Token![=>]) || input.peek(Token![,]) {
                return Err(at_next(
                    input,
                    &operation,
                    "expected a condition after `if`".to_owned(),
                ));
            }
            guard = Some(regrouped(input.parse()?));
        }
        if !input.peek(Token![=>]) {
            let message = format!("expected `=>` and a body: {SHAPE}");
            return Err(at_next(
                input,
                guard.as_ref().unwrap_or(&operation),
                message,
            ));
        }
        let body = body(input)?;
        Ok(Arm {
            pat,
            operation,
            guard,
            body,
        })
    }
}

/// `=> body`, with the comma after it.
fn body(input: ParseStream) -> Result<TokenStream> {
    let arrow: Token![=>] = input.parse()?;
    if input.is_empty() || input.peek(Token![,]) {
        return Err(Error::new_spanned(arrow, "expected a body after `=>`"));
    }
    let (tokens, ends_itself) = if plain_block(input) {
        (input.parse::<TokenTree>()?.into(), true)
    } else {
        let expr = Expr::parse_with_earlier_boundary_rule(input)?;
        let ends_itself = pattern::ends_itself(&expr);
        (regrouped(expr).into_token_stream(), ends_itself)
    };
    if input.peek(Token![,]) {
        input.parse::<Token![,]>()?;
    } else if !input.is_empty() && !ends_itself {
        return Err(input.error("expected `,` after the body of the arm before"));
    }
    Ok(tokens)
}

/// Whether a block in braces comes that is the whole body: nothing is called on it.
fn plain_block(input: ParseStream) -> bool {
    let ahead = input.fork();
    ahead.peek(token::Brace)
        && ahead.parse::<TokenTree>().is_ok()
        && (!ahead.peek(Token![.]) || ahead.peek(Token![..]))
        && !ahead.peek(Token![?])
}

/// `biased;` at the start.
fn biased(input: ParseStream) -> Result<bool> {
    if !is_word(input, "biased") || input.peek2(Token![=]) && !input.peek2(Token![=>]) {
        return Ok(false);
    }
    let word: Ident = input.parse()?;
    if !input.peek(Token![;]) {
        return Err(Error::new(
            word.span(),
            "`biased` ends in a semicolon: `biased;`",
        ));
    }
    input.parse::<Token![;]>()?;
    Ok(true)
}

/// The word `default`, if the arm that comes is that one. The `=>` is left for [`body`].
fn default_keyword(input: ParseStream) -> Result<Option<Span>> {
    if !is_word(input, "default") {
        return Ok(None);
    }
    let ahead = input.fork();
    let word: Ident = ahead.parse()?;
    let message = if ahead.peek(Token![=>]) {
        input.parse::<Ident>()?;
        return Ok(Some(word.span()));
    } else if ahead.peek(Token![=]) {
        "`default` has no operation: `default => body` is taken when no other arm is ready"
    } else if ahead.peek(Token![if]) || ahead.peek(Token![,]) {
        "`default` has no guard: `default => body` is taken when no other arm is ready"
    } else if ahead.peek(token::Paren) {
        "`default` takes nothing in parentheses; a limit in time is an arm of its own: \
         `_ = time::after(limit) => body`"
    } else {
        "expected `=>` after `default`"
    };
    Err(Error::new(word.span(), message))
}

/// What other `select!`s have at the start of an arm and this one has not.
fn reject_foreign_keywords(input: ParseStream) -> Result<()> {
    let message = if input.peek(Token![else]) {
        "select! has no `else`: the arm for when no other is ready is `default => body`"
    } else if is_word(input, "complete") && input.peek2(Token![=>]) {
        "select! has no `complete`: an operation that is over is left out by a guard, \
         `, if condition`"
    } else if is_word(input, "biased") && input.peek2(Token![;]) {
        "`biased;` stands before the first arm, once"
    } else if input.peek(Token![#]) {
        "an arm of select! takes no attributes"
    } else if input.peek(Token![,]) {
        "expected an arm: `pattern = operation => body`"
    } else {
        return Ok(());
    };
    Err(input.error(message))
}

/// Whether the word `word` comes; `r#word` is a name like any other.
fn is_word(input: ParseStream, word: &str) -> bool {
    input
        .cursor()
        .ident()
        .is_some_and(|(ident, _)| ident == word)
}

/// An error at the token that comes, or at the end of what was read before if nothing comes.
fn at_next(input: ParseStream, before: impl ToTokens, message: String) -> Error {
    if input.is_empty() {
        Error::new_spanned(before, message)
    } else {
        input.error(message)
    }
}
