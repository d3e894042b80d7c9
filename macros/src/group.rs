//! What a `macro_rules!` macro around ours has put together.
//!
//! Its `$e:expr` comes as a group without delimiters, through which the compiler looks when a procedural macro gives it
//! back: `$e * 2` would be `1 + 2 * 2`.

use syn::visit_mut::{self, VisitMut};
use syn::{Expr, ExprParen, token};

/// `expr` with parentheses in place of such groups.
pub(crate) fn regrouped(mut expr: Expr) -> Expr {
    match &mut expr {
        // It stands alone.
        Expr::Group(group) => Regroup.visit_expr_mut(&mut group.expr),
        expr => Regroup.visit_expr_mut(expr),
    }
    expr
}

struct Regroup;

impl VisitMut for Regroup {
    fn visit_expr_mut(&mut self, expr: &mut Expr) {
        visit_mut::visit_expr_mut(self, expr);
        if let Expr::Group(group) = expr {
            *expr = Expr::Paren(ExprParen {
                attrs: std::mem::take(&mut group.attrs),
                paren_token: token::Paren(group.group_token.span),
                expr: group.expr.clone(),
            });
        }
    }
}
