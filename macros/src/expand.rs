//! What a `select!` becomes.
//!
//! For `select! { p = A => x, q = B, if g => y }`, names shortened:
//!
//! ```text
//! {
//!     enum Out<A0, A1> { A0(A0), A1(A1) }
//!     let g1: bool = g;
//!     let (which, out) = match Some(A) { f0 => match if g1 { Some(B) } else { None } { f1 => {
//!         let mut sel = pin!(Selector::new(biased));
//!         let mut a0 = pin!({ let f0 = f0; (&Probe(&f0)).tag().arm(f0) });
//!         let mut a1 = pin!({ let f1 = f1; (&Probe(&f1)).tag().arm(f1) });
//!         match poll_fn(|cx| {
//!             let look = |which, cx| match which { 0 => a0.as_mut().enter(cx), 1 => a1.as_mut().enter(cx) };
//!             match sel.as_mut().enter(2, cx, look) {
//!                 Ok(poll) => poll,
//!                 Err(rest) => sel.as_mut().go_on(&mut [a0.as_mut(), a1.as_mut()], rest, cx),
//!             }
//!         }).await {
//!             0 => (0, Out::A0(a0.as_mut().finish())),
//!             1 => (1, Out::A1(a1.as_mut().finish())),
//!             _ => unreachable!(),
//!         }
//!     } } };
//!     match which {
//!         0 => { let p = match { out } { Out::A0(v) => v, _ => unreachable!() }; x }
//!         1 => { let q = match { out } { Out::A1(v) => v, _ => unreachable!() }; y }
//!         _ => unreachable!(),
//!     }
//! }
//! ```
//!
//! With more than [`FEW`] arms the looks are the library's: `sel.as_mut().poll(&mut […], cx)`.
//!
//! # Invariants
//!
//! 1. All guards are evaluated before the first operation, each once, in the order of the source.
//! 2. Temporaries of an operation without a guard live until the select is over: hence a `match`
//!    around all the rest and no `let`. Those of an operation behind a guard end with its `if`.
//! 3. The arms are dropped before the selector that they are registered with, and both before any
//!    body runs.
//! 4. The caller's frame holds each operation once. A local that was borrowed keeps its place in the
//!    frame although it was moved out, and so does one that was moved out in parts. So an operand is
//!    moved whole, by a plain binding, and is looked at (`Probe`) only in a block that ends before
//!    the first `.await`.
//! 5. While a body runs, the frame holds the values of its own pattern and nothing else of the
//!    select: `out` is moved whole into the arm that was chosen. A body that awaits stays `Send`
//!    when another arm yields something that is not, and `_` drops its value before the body.
//! 6. The pattern is bound by a `let`, so a refutable one is the compiler's E0005 at the pattern.
//! 7. Names of ours cannot be seen by the user's tokens: locals by hygiene, the enum, an item and so
//!    not hygienic, by its odd name; the traits of the engine are in scope in the innermost block
//!    only, where no token of the user's stands.
//! 8. Nothing of ours is called by a method's name, for a trait of the user's may give one of that name to every
//!    type; the two calls that are looked up by the operand's type have odd names.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Pat, parse2};

use crate::parse::{Arm, Select};

/// So many arms are looked at where the select stands; see `Selector::enter` in the library.
const FEW: usize = 2;

/// Expands the tokens that the front of `select!` passes on.
pub(crate) fn select(input: TokenStream) -> TokenStream {
    match parse2::<Select>(input) {
        Ok(select) => expand(&select),
        Err(errors) => {
            // In braces, for there may be several and the place may be that of an expression.
            let errors = errors.into_compile_error();
            quote!({ #errors })
        }
    }
}

fn expand(select: &Select) -> TokenStream {
    if let (true, Some(body)) = (select.arms.is_empty(), &select.default) {
        return quote!({ #body });
    }
    if select.arms.is_empty() {
        return wait_for_ever(select);
    }
    let names: Vec<Names> = (0..select.arms.len()).map(Names::new).collect();
    let default = Names::new(names.len());
    let site = Span::mixed_site();

    let variants = names.iter().map(|n| {
        let variant = &n.variant;
        quote!(#variant(#variant))
    });
    let parameters = names.iter().map(|n| &n.variant);
    let default_variant = select.default.as_ref().map(|_| &default.variant);

    let guards = select.arms.iter().zip(&names).filter_map(|(arm, n)| {
        let (condition, enabled) = (arm.guard.as_ref()?, &n.enabled);
        Some(quote_spanned!(site=> let #enabled: bool = #condition;))
    });

    let mut waiting = wait(select, &names, &default);
    for (arm, n) in select.arms.iter().zip(&names).rev() {
        let (operation, enabled, operand) = (&arm.operation, &n.enabled, &n.operand);
        let operation = quote_spanned!(site=> ::core::option::Option::Some(#operation));
        let operation = match arm.guard {
            None => operation,
            Some(_) => quote_spanned! {site=>
                if #enabled { #operation } else { ::core::option::Option::None }
            },
        };
        waiting = quote_spanned!(site=> match #operation { #operand => #waiting });
    }

    let several = names.len() + usize::from(select.default.is_some()) > 1;
    let bodies = select
        .arms
        .iter()
        .zip(&names)
        .map(|(arm, n)| run_body(arm, n, several));
    let default_body = select.default.as_ref().map(|body| {
        let index = default.index;
        quote_spanned!(site=> #index => #body,)
    });

    quote_spanned! {site=>
        {
            #[allow(clippy::large_enum_variant)]
            enum __SelectOut<#(#parameters),*> { #(#variants,)* #default_variant }
            #(#guards)*
            let (which, out) = #waiting;
            match which {
                #(#bodies)*
                #default_body
                _ => ::core::unreachable!(),
            }
        }
    }
}

/// `select! {}`, of type `!`: what is never chosen has no type that the compiler could find out.
fn wait_for_ever(select: &Select) -> TokenStream {
    let site = Span::mixed_site();
    let (krate, biased) = (&select.krate, select.biased);
    quote_spanned! {site=>
        {
            let mut sel = ::core::pin::pin!(#krate::select::__private::Selector::new(#biased));
            let nothing = |_| -> ::core::convert::Infallible { ::core::unreachable!() };
            match ::core::future::poll_fn(|cx| ::core::task::Poll::map(
                #krate::select::__private::Selector::poll(::core::pin::Pin::as_mut(&mut sel), &mut [], cx),
                nothing,
            )).await {}
        }
    }
}

/// The block that makes the arms, waits, and yields `(which, out)`.
fn wait(select: &Select, names: &[Names], default: &Names) -> TokenStream {
    let site = Span::mixed_site();
    let krate = &select.krate;
    let private = quote_spanned!(site=> #krate::select::__private);
    let biased = select.biased;

    let arms = select.arms.iter().zip(names).map(|(arm, n)| {
        let (slot, operand) = (&n.slot, &n.operand);
        // At the operation, so that the compiler's complaint about it (not a future, say) is there.
        let place = site.located_at(arm.operation.span());
        let made = quote_spanned!(place=> (&#private::Probe(&#operand)).__gosched_tag().__gosched_arm(#operand));
        quote_spanned! {site=>
            let mut #slot = ::core::pin::pin!({ let #operand = #operand; #made });
        }
    });
    let slots: Vec<_> = names.iter().map(|n| &n.slot).collect();
    let cases = quote_spanned!(site=> &mut [#(::core::pin::Pin::as_mut(&mut #slots)),*]);
    let finished = names.iter().map(|n| {
        let (index, variant, slot) = (n.index, &n.variant, &n.slot);
        let value =
            quote_spanned!(site=> #private::Arm::finish(::core::pin::Pin::as_mut(&mut #slot)));
        quote_spanned!(site=> (#index, __SelectOut::#variant(#value)))
    });
    let indices = names.iter().map(|n| n.index);
    let (len, looks) = (names.len(), looks(names, &private));
    let sel = quote_spanned!(site=> ::core::pin::Pin::as_mut(&mut sel));

    let chosen = if select.default.is_some() {
        let (index, variant) = (default.index, &default.variant);
        let polled = match looks {
            None => quote_spanned!(site=> #private::Selector::try_poll(#sel, #cases)),
            Some(look) => quote_spanned! {site=>
                match #private::Selector::try_enter(#sel, #len, #look) {
                    ::core::result::Result::Ok(index) => ::core::option::Option::Some(index),
                    ::core::result::Result::Err(_) => #private::Selector::try_go_on(#sel, #cases),
                }
            },
        };
        quote_spanned! {site=>
            match #polled {
                #(::core::option::Option::Some(#indices) => #finished,)*
                ::core::option::Option::None => (#index, __SelectOut::#variant),
                _ => ::core::unreachable!(),
            }
        }
    } else {
        let polled = match looks {
            None => quote_spanned!(site=> #private::Selector::poll(#sel, #cases, cx)),
            Some(look) => quote_spanned! {site=>
                match #private::Selector::enter(#sel, #len, cx, #look) {
                    ::core::result::Result::Ok(poll) => poll,
                    ::core::result::Result::Err(rest) => #private::Selector::go_on(#sel, #cases, rest, cx),
                }
            },
        };
        quote_spanned! {site=>
            match ::core::future::poll_fn(|cx| #polled).await {
                #(#indices => #finished,)*
                _ => ::core::unreachable!(),
            }
        }
    };
    quote_spanned! {site=>
        {
            #[allow(unused_imports)]
            use #private::{ViaCase as _, ViaFuture as _};
            let mut sel = ::core::pin::pin!(#private::Selector::new(#biased));
            #(#arms)*
            #chosen
        }
    }
}

/// A closure that looks at the arm of a number, for a select that is inlined with its looks (`Selector::enter`).
fn looks(names: &[Names], private: &TokenStream) -> Option<TokenStream> {
    let site = Span::mixed_site();
    let looks = names.iter().map(|n| {
        let (index, slot) = (n.index, &n.slot);
        quote_spanned!(site=> #index => #private::Case::enter(::core::pin::Pin::as_mut(&mut #slot), cx))
    });
    (names.len() <= FEW).then(|| {
        quote_spanned! {site=>
            |index, cx| match index {
                #(#looks,)*
                _ => ::core::unreachable!(),
            }
        }
    })
}

/// The branch that binds the pattern of an arm and runs its body. The braces of a body are the user's way to write
/// it, although the branch has some of its own.
fn run_body(arm: &Arm, n: &Names, several: bool) -> TokenStream {
    let site = Span::mixed_site();
    let (index, variant, pat, body) = (n.index, &n.variant, &arm.pat, &arm.body);
    if let Pat::Wild(_) = pat {
        // Dropped with the whole and never named: reading a value of type `!` would make the
        // compiler call the body unreachable.
        return quote_spanned! {site=>
            #[allow(unused_braces)]
            #index => {
                #[allow(clippy::drop_non_drop, dropping_copy_types, dropping_references)]
                ::core::mem::drop(out);
                #body
            }
        };
    }
    // A `let` wants alternatives in parentheses.
    let pat = match pat {
        Pat::Or(_) => quote_spanned!(site=> (#pat)),
        _ => quote!(#pat),
    };
    let others = several.then(|| quote_spanned!(site=> _ => ::core::unreachable!(),));
    quote_spanned! {site=>
        #[allow(unused_braces)]
        #index => {
            let #pat = match { out } {
                #[allow(unreachable_patterns)]
                __SelectOut::#variant(value) => value,
                #others
            };
            #body
        }
    }
}

/// What belongs to the arm `index` in an expansion.
struct Names {
    index: usize,
    /// Its variant of the enum, and the type parameter of that.
    variant: Ident,
    /// What its guard said.
    enabled: Ident,
    /// Its operation, evaluated.
    operand: Ident,
    /// Its arm, pinned.
    slot: Ident,
}

impl Names {
    fn new(index: usize) -> Self {
        let name = |prefix: &str| format_ident!("{prefix}{index}", span = Span::mixed_site());
        Self {
            index,
            variant: name("A"),
            enabled: name("enabled"),
            operand: name("operand"),
            slot: name("arm"),
        }
    }
}
