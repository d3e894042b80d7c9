//! Which patterns of an arm are surely refutable.
//!
//! `parse` asks here for every arm. A macro sees tokens and no types, so this finds what is
//! recognised by its looks (`Some(v)`, `Err(_)`, literals, ranges) and gets our message, which says
//! what to do instead. All other refutable patterns, those of the user's own enums, get the
//! compiler's E0005 from the `let` that the expansion binds the pattern with.
//!
//! # Invariants
//!
//! 1. An or-pattern whose alternatives may cover the type between them (`Ok(n) | Err(n)`,
//!    `true | false`) is left to the compiler.

use syn::{Expr, Lit, Pat, Path};

/// The first part of `pat` that cannot match every value, if one is seen.
pub(crate) fn refutable(pat: &Pat) -> Option<&Pat> {
    match pat {
        Pat::Lit(_) | Pat::Range(_) => Some(pat),
        Pat::Ident(p) => match &p.subpat {
            Some((_, inner)) => refutable(inner),
            None => {
                (p.by_ref.is_none() && p.mutability.is_none() && p.ident == "None").then_some(pat)
            }
        },
        Pat::Path(p) => (variant(&p.path) == Some("None")).then_some(pat),
        Pat::TupleStruct(p) => match variant(&p.path) {
            Some("Some" | "Ok" | "Err") => Some(pat),
            _ => p.elems.iter().find_map(refutable),
        },
        Pat::Tuple(p) => p.elems.iter().find_map(refutable),
        Pat::Slice(p) => p.elems.iter().find_map(refutable),
        Pat::Struct(p) => p.fields.iter().find_map(|field| refutable(&field.pat)),
        Pat::Paren(p) => refutable(&p.pat),
        Pat::Reference(p) => refutable(&p.pat),
        Pat::Type(p) => refutable(&p.pat),
        Pat::Or(p) => {
            let heads: Vec<_> = p.cases.iter().map(head).collect();
            let both = |a, b| heads.contains(&Some(a)) && heads.contains(&Some(b));
            if both("Some", "None") || both("Ok", "Err") || both("true", "false") {
                return None;
            }
            // One alternative that matches everything is enough.
            let mut first = None;
            for case in &p.cases {
                first = first.or(Some(refutable(case)?));
            }
            first
        }
        // A negative number comes as unparsed tokens.
        Pat::Verbatim(tokens) => tokens.to_string().starts_with('-').then_some(pat),
        _ => None,
    }
}

/// What an alternative of an or-pattern starts with, if it is one half of a pair known here.
fn head(pat: &Pat) -> Option<&'static str> {
    match pat {
        Pat::Ident(p) if p.ident == "None" => Some("None"),
        Pat::Path(p) => variant(&p.path),
        Pat::TupleStruct(p) => variant(&p.path),
        Pat::Paren(p) => head(&p.pat),
        Pat::Lit(p) => match &p.lit {
            Lit::Bool(b) if b.value => Some("true"),
            Lit::Bool(_) => Some("false"),
            _ => None,
        },
        _ => None,
    }
}

/// The variant of `Option` or `Result` that `path` names by its usual name.
fn variant(path: &Path) -> Option<&'static str> {
    let mut from_the_end = path.segments.iter().rev();
    let last = &from_the_end.next()?.ident;
    let (name, of) = ["Some", "None", "Ok", "Err"]
        .into_iter()
        .zip(["Option", "Option", "Result", "Result"])
        .find(|(name, _)| last == name)?;
    match from_the_end.next() {
        None => Some(name),
        Some(segment) => (segment.ident == of).then_some(name),
    }
}

/// Whether `expr` stands as a statement without a semicolon, and so as a body without a comma.
pub(crate) fn ends_itself(expr: &Expr) -> bool {
    match expr {
        Expr::Block(_)
        | Expr::Const(_)
        | Expr::ForLoop(_)
        | Expr::If(_)
        | Expr::Loop(_)
        | Expr::Match(_)
        | Expr::TryBlock(_)
        | Expr::Unsafe(_)
        | Expr::While(_) => true,
        // A `$body:block` of a macro around us.
        Expr::Group(group) => ends_itself(&group.expr),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::ToTokens as _;
    use syn::parse::Parser as _;

    fn judge(pattern: &str) -> Option<String> {
        let pat = Pat::parse_multi_with_leading_vert
            .parse_str(pattern)
            .unwrap();
        refutable(&pat).map(|part| part.to_token_stream().to_string())
    }

    #[test]
    fn patterns_that_match_every_value_pass() {
        for pattern in [
            "v",
            "_",
            "mut v",
            "ref v",
            "(a, _)",
            "Wrapper(v)",
            "Point { x, .. }",
            "whole @ (a, b)",
            "[a, b]",
            "&v",
            "((a, b), c)",
        ] {
            assert_eq!(judge(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn variants_of_option_and_result_are_refutable_wherever_they_stand() {
        for (pattern, part) in [
            ("Some(v)", "Some (v)"),
            ("None", "None"),
            ("Ok(_)", "Ok (_)"),
            ("Err(e)", "Err (e)"),
            ("Option::Some(v)", "Option :: Some (v)"),
            (
                "::core::option::Option::None",
                ":: core :: option :: Option :: None",
            ),
            ("(a, Some(b))", "Some (b)"),
            ("Point { x: Ok(x), .. }", "Ok (x)"),
            ("whole @ Some(_)", "Some (_)"),
            ("&Some(v)", "Some (v)"),
        ] {
            assert_eq!(judge(pattern).as_deref(), Some(part), "{pattern}");
        }
    }

    #[test]
    fn a_variant_of_the_users_own_enum_is_left_to_the_compiler() {
        assert_eq!(judge("Shape::Some(v)"), None);
        assert_eq!(judge("Poll::Ready(v)"), None);
    }

    #[test]
    fn literals_and_ranges_are_refutable() {
        for pattern in ["0", "-1", "\"a\"", "true", "1..=9", "0..", "'a'..='z'"] {
            assert!(judge(pattern).is_some(), "{pattern}");
        }
    }

    #[test]
    fn alternatives_that_may_cover_the_type_together_are_left_to_the_compiler() {
        for pattern in [
            "Ok(n) | Err(n)",
            "Some(_) | None",
            "true | false",
            "| Ok(n) | Err(n)",
            "1 | _",
        ] {
            assert_eq!(judge(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn alternatives_that_leave_a_gap_are_refutable_at_the_first() {
        assert_eq!(judge("Some(1) | Some(2)").as_deref(), Some("Some (1)"));
        assert_eq!(judge("1 | 2").as_deref(), Some("1"));
    }
}
