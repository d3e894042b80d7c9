//! `#[main]` and `#[test]`: an `async fn` becomes a plain function that runs it.
//!
//! ```text
//! #[attributes] pub fn main() -> R {
//!     async fn main() -> R { … }                      // the user's body, as it was
//!     use ::gosched::runtime::__private::{Entry, Setup, ViaBlockOn as _, ViaGo as _};
//!     let setup = Setup::main().procs(4);
//!     let future = main();
//!     (&Entry(&future)).__gosched_tag().__gosched_run(setup, future)
//! }
//! ```
//!
//! # Invariants
//!
//! 1. The body stands in an `async fn` of its own, an item: only of another item's future does the
//!    compiler know, at the call, whether it is `Send`. By that the last line chooses between a
//!    goroutine (`ViaGo`) and the calling thread (`ViaBlockOn`).
//! 2. The attributes stay on the outer function: `#[should_panic]`, `#[ignore]` and lint levels are
//!    read there.
//! 3. The traits are in scope where no token of the user's stands: the body is outside their block.

use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Error, Expr, Path, Result, Signature, Token, Visibility, parse2, token};

use crate::group::regrouped;

/// Which of the two attributes it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Main,
    Test,
}

/// Expands one of the two attributes.
pub(crate) fn expand(kind: Kind, options: TokenStream, item: TokenStream) -> TokenStream {
    // The item is looked at first: with the attribute on a struct, say, no option matters.
    let parsed = parse2::<Function>(item.clone())
        .and_then(|function| function.check(kind).map(|()| function))
        .and_then(|function| {
            let options = parse2::<Options>(options)?;
            options.check(kind).map(|()| (function, options))
        });
    match parsed {
        Ok((function, options)) => function.run_by(kind, &options),
        Err(errors) => {
            // The item stays, less `async` where that matters, so that this is the only error.
            let errors = errors.into_compile_error();
            let kept = parse2::<Function>(item.clone()).map_or(item, |f| f.kept());
            quote!(#errors #kept)
        }
    }
}

/// A function with an unparsed body.
struct Function {
    attributes: Vec<Attribute>,
    visibility: Visibility,
    signature: Signature,
    body: TokenTree,
}

impl Parse for Function {
    fn parse(input: ParseStream) -> Result<Self> {
        let not_a_function = "this attribute belongs on an `async fn`";
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input
            .parse()
            .map_err(|e: Error| Error::new(e.span(), not_a_function))?;
        if !input.peek(token::Brace) {
            return Err(Error::new_spanned(&signature, "the function has no body"));
        }
        Ok(Self {
            attributes,
            visibility,
            signature,
            body: input.parse()?,
        })
    }
}

impl Function {
    fn check(&self, kind: Kind) -> Result<()> {
        let signature = &self.signature;
        let name = match kind {
            Kind::Main => "main",
            Kind::Test => "test",
        };
        let error = |tokens: &dyn quote::ToTokens, what: &str| {
            Err(Error::new_spanned(
                tokens.to_token_stream(),
                format!("#[gosched::{name}] {what}"),
            ))
        };
        if signature.asyncness.is_none() {
            return error(
                &signature.fn_token,
                "runs an `async fn`: write `async` before `fn`",
            );
        }
        if let Some(abi) = &signature.abi {
            return error(abi, "takes no `extern` function");
        }
        if !signature.generics.params.is_empty() {
            return error(
                &signature.generics,
                "takes no generic function: nobody would choose the types",
            );
        }
        if let Some(clause) = &signature.generics.where_clause {
            return error(clause, "takes no `where` clause");
        }
        if !signature.inputs.is_empty() {
            return error(
                &signature.inputs,
                "takes no function with arguments: nobody would pass them",
            );
        }
        if let Some(dots) = &signature.variadic {
            return error(dots, "takes no variadic function");
        }
        let test = |a: &&Attribute| a.path().segments.last().is_some_and(|s| s.ident == "test");
        if let (Kind::Test, Some(second)) = (kind, self.attributes.iter().find(test)) {
            return error(second, "is a test already: remove this second attribute");
        }
        Ok(())
    }

    fn run_by(&self, kind: Kind, options: &Options) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            body,
        } = self;
        let site = Span::mixed_site();
        let name = &signature.ident;
        let output = &signature.output;
        let mut outer = signature.clone();
        outer.asyncness = None;

        let krate = match &options.krate {
            Some(path) => path.to_token_stream(),
            None => quote_spanned!(site=> ::gosched),
        };
        let private = quote_spanned!(site=> #krate::runtime::__private);
        let (test, setup) = match kind {
            Kind::Main => (None, quote_spanned!(site=> main)),
            Kind::Test => (
                Some(quote_spanned!(site=> #[::core::prelude::v1::test])),
                quote_spanned!(site=> test),
            ),
        };
        let procs = options
            .procs
            .as_ref()
            .map(|n| quote_spanned!(site=> .procs(#n)));
        let virtual_time = options
            .virtual_time
            .as_ref()
            .map(|_| quote_spanned!(site=> .virtual_time()));
        let seed = options
            .seed
            .as_ref()
            .map(|(_, n)| quote_spanned!(site=> .seed(#n)));
        quote_spanned! {site=>
            #test
            #(#attributes)*
            #visibility #outer {
                async fn #name() #output #body

                let setup = #private::Setup::#setup()#procs #virtual_time #seed;
                {
                    #[allow(unused_imports)]
                    use #private::{ViaBlockOn as _, ViaGo as _};
                    let future = #name();
                    (&#private::Entry(&future)).__gosched_tag().__gosched_run(setup, future)
                }
            }
        }
    }

    /// What stands beside an error: the function as it was, but a `main` that the compiler accepts.
    fn kept(mut self) -> TokenStream {
        let Self {
            attributes,
            visibility,
            signature,
            body,
        } = &mut self;
        if signature.ident == "main" {
            signature.asyncness = None;
            return quote!(#visibility #signature { ::core::unreachable!() });
        }
        quote!(#(#attributes)* #[allow(dead_code)] #visibility #signature #body)
    }
}

/// What stands in the parentheses of the attribute.
#[derive(Default)]
struct Options {
    procs: Option<Expr>,
    krate: Option<Path>,
    virtual_time: Option<Ident>,
    seed: Option<(Ident, Expr)>,
}

impl Parse for Options {
    fn parse(input: ParseStream) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                let key: Token![crate] = input.parse()?;
                input.parse::<Token![=]>()?;
                if options.krate.is_some() {
                    return Err(Error::new_spanned(key, "the option `crate` is given twice"));
                }
                options.krate = Some(input.call(Path::parse_mod_style).map_err(|e| {
                    Error::new(e.span(), "expected a path: `crate = path::to::gosched`")
                })?);
            } else {
                options.named(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    /// An option with a name.
    fn named(&mut self, input: ParseStream) -> Result<()> {
        let key: Ident = input
            .parse()
            .map_err(|e| Error::new(e.span(), "expected `procs = N` or `crate = path`"))?;
        let twice = |key: &Ident| {
            let message = format!("the option `{key}` is given twice");
            Err(Error::new_spanned(key, message))
        };
        match key.to_string().as_str() {
            "procs" => {
                let number = value_of(&key, input)?;
                if self.procs.is_some() {
                    return twice(&key);
                }
                if literal(&number) == Some("0") {
                    return Err(Error::new_spanned(number, "`procs` is 1 or more"));
                }
                self.procs = Some(number);
            }
            "seed" => {
                let number = value_of(&key, input)?;
                if self.seed.is_some() {
                    return twice(&key);
                }
                self.seed = Some((key, number));
            }
            "virtual_time" if input.peek(Token![=]) => {
                let message = "`virtual_time` takes no value: it is on where it stands";
                return Err(Error::new_spanned(key, message));
            }
            "virtual_time" if self.virtual_time.is_some() => return twice(&key),
            "virtual_time" => self.virtual_time = Some(key),
            _ => {
                let message = format!(
                    "unknown option `{key}`: there are `procs = N` and `crate = path`, and in a test \
                     `virtual_time` and `seed = N`"
                );
                return Err(Error::new_spanned(key, message));
            }
        }
        Ok(())
    }

    /// What goes with what.
    fn check(&self, kind: Kind) -> Result<()> {
        if let (Kind::Main, Some(key)) = (kind, &self.virtual_time) {
            let message = "virtual time is for tests: `#[gosched::test(virtual_time)]`";
            return Err(Error::new_spanned(key, message));
        }
        if let (Some((key, _)), None) = (&self.seed, &self.virtual_time) {
            let message = "`seed` goes with `virtual_time`, in a test";
            return Err(Error::new_spanned(key, message));
        }
        if let (Some(procs), Some(_)) = (&self.procs, &self.virtual_time) {
            if literal(procs).is_some_and(|n| n != "1") {
                let message = "there is one P where time is virtual: leave `procs` out";
                return Err(Error::new_spanned(procs, message));
            }
        }
        Ok(())
    }
}

fn value_of(key: &Ident, input: ParseStream) -> Result<Expr> {
    if !input.peek(Token![=]) {
        let message = format!("`{key}` takes a number: `{key} = N`");
        return Err(Error::new_spanned(key, message));
    }
    input.parse::<Token![=]>()?;
    Ok(regrouped(input.parse()?))
}

/// The digits of an integer that stands there as such.
fn literal(expr: &Expr) -> Option<&str> {
    let Expr::Lit(lit) = expr else { return None };
    let syn::Lit::Int(int) = &lit.lit else {
        return None;
    };
    Some(int.base10_digits())
}
